"""Any order of events, by a model: plain trials, trials that are paused, and short ones."""

from typing import Any, ClassVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from tests.tuning.trials.lease_machine import MAX_STEPS, NAME, LeaseMachine, Model

LeaseMachine.TestCase.settings = settings(
    max_examples=25,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestLeases = LeaseMachine.TestCase


class PausingMachine(LeaseMachine):
    """The same where trials are paused and promoted, among workers that can resume and others."""

    spec: ClassVar[dict[str, Any]] = {"sampler": {"name": "auto"}, "pruner": {"name": "auto"}}
    total: ClassVar[int | None] = 1000

    def judged(self, model: Model, last: int) -> str | None:
        return "paused" if model.resumable and model.target is not None and last >= model.target else None

    @precondition(lambda self: any(m.state == "running" and m.told_to_stop is None for m in self.models))
    @rule(data=st.data(), value=st.sampled_from([0.5, 0.25, 1000.0]), keeps=st.booleans())
    def a_worker_trains_until_it_is_told_otherwise(self, data: st.DataObject, value: float, keeps: bool) -> None:
        running = [n for n, m in enumerate(self.models) if m.state == "running" and m.told_to_stop is None]
        number = data.draw(st.sampled_from(running))
        model = self.models[number]
        step = max(model.curve, default=0)
        while step < MAX_STEPS and model.told_to_stop is None:
            step += 1
            self.report_steps(number, model, [step], value, keeps)
        if model.told_to_stop is not None:
            self.give_back(number, model, None)


PausingMachine.TestCase.settings = settings(
    max_examples=15, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
TestPausing = PausingMachine.TestCase


class ClimbingMachine(LeaseMachine):
    """The same where trainers that anneal are asked for short trainings first: 3 of 2 steps, then 2 of 5."""

    spec: ClassVar[dict[str, Any]] = {"sampler": {"name": "auto"}, "pruner": {"name": "auto"}}
    most: ClassVar[int] = 8

    def may_wait(self, anneals: bool) -> bool:
        return anneals and any(m.state == "running" for m in self.models)

    def judged(self, model: Model, last: int) -> str | None:
        paused = model.resumable and model.target is not None and last >= model.target
        return "paused" if paused and model.max_steps == MAX_STEPS else None

    @invariant()
    def short_trainings_are_visible_and_no_full_ones(self) -> None:
        study = self.tuning.run(self.tuning.studies.get(NAME))
        short = {number for number, model in enumerate(self.models) if model.max_steps < MAX_STEPS}
        assert len(short) <= 3 + sum(self.models[n].state in ("failed", "diverged", "pruned") for n in short)
        assert not short.intersection(number for _, number in study.ranking)
        assert all(study.trials[n].work.max_steps == 2 for n in short)  # type: ignore[union-attr]


ClimbingMachine.TestCase.settings = settings(
    max_examples=12, stateful_step_count=50, deadline=None, suppress_health_check=list(HealthCheck)
)
TestClimbing = ClimbingMachine.TestCase
