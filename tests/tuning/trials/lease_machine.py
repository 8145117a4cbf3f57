"""Any order of asks, reports, expiries, results and releases, against a plain model of what must come of it."""

import atexit
import math
import shutil
import tempfile
from dataclasses import dataclass, field
from functools import cache
from typing import Any, ClassVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from lrtune.service.storage.schema.attributes import PAUSE_AT_ATTR
from lrtune.service.tuning.errors import BudgetSpent, LeaseLost
from lrtune.service.tuning.state.budget import counted_trials
from lrtune.service.tuning.state.failing import halt_of
from lrtune.service.wire.studies import StudyPatch
from lrtune.service.wire.trials import (
    Ask,
    Checkpoint,
    Enqueue,
    Heartbeat,
    LeasedTrial,
    NoTrial,
    Record,
    Release,
    Report,
    Reports,
    Result,
)
from tests.support.mirrors import fields_of, read_by_optuna
from tests.support.tuning import Tuning

NAME = "machine"
MAX_TRIALS = 4
MAX_STEPS = 5
MAX_ATTEMPTS = 2
TTL = 60.0
FINISHED = ("complete", "pruned", "diverged", "failed")


@cache
def empty_database() -> str:
    """A database with its schema and nothing in it, made once: making the schema takes longer than a run."""
    folder = tempfile.mkdtemp(prefix="lrtune-machine-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with Tuning(f"sqlite:///{folder}/empty.db"):
        pass
    return f"{folder}/empty.db"


@dataclass
class Model:
    """What must be true of one trial."""

    state: str
    budgeted: bool = True
    attempt: int = 0
    lost: bool = False
    lapsed: bool = False
    """Waits, or is paused, since its lease ran out, and its worker may come back."""
    lease: str | None = None
    request: str | None = None
    expires_at: float = math.inf
    checkpoint: int | None = None
    resumed: int | None = None
    curve: dict[int, float] = field(default_factory=dict)
    told_to_stop: str | None = None
    resumable: bool = False
    target: int | None = None
    max_steps: int = MAX_STEPS
    value: float | None = None
    lost_steps: int = 0

    @property
    def reached(self) -> int:
        return max(max(self.curve, default=0), self.resumed or 0)

    @property
    def needs(self) -> int:
        return self.max_steps - min(self.checkpoint or 0, self.reached)


class LeaseMachine(RuleBasedStateMachine):
    spec: ClassVar[dict[str, Any]] = {"sampler": {"name": "random"}, "pruner": {"name": "threshold", "upper": 100.0}}
    most: ClassVar[int] = MAX_TRIALS
    total: ClassVar[int | None] = None

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(prefix="lrtune-machine-")
        shutil.copy(empty_database(), f"{self.folder.name}/lrtune.db")
        self.tuning = Tuning(f"sqlite:///{self.folder.name}/lrtune.db").__enter__()
        self.tuning.create(
            name=NAME,
            max_trials=self.most,
            max_total_steps=self.total,
            max_steps=MAX_STEPS,
            max_attempts=MAX_ATTEMPTS,
            lease_ttl_seconds=TTL,
            **self.spec,
        )
        self.mirror = self.tuning.run(self.tuning.studies.get(NAME))
        self.models: list[Model] = []
        self.given_up: list[tuple[int, str]] = []
        self.requests = 0
        self.answered: set[str] = set()
        self.asked_since: dict[str, int] = {}
        """The trial that a request was given last."""
        self.overdrawn = False
        """Whether a trainer began anew though it was given a checkpoint, and the steps for that were not left: it has
        trained what it reports by the time it is stopped, and no promise of the budget's can hold any more."""

    def teardown(self) -> None:
        try:
            study = self.tuning.run(self.tuning.studies.get(NAME))
            self.tuning.run(self.tuning.studies.settled(study))
            mirrored = [fields_of(trial.freeze()) for trial in study.trials]
            assert read_by_optuna(self.tuning.url, NAME) == mirrored
        finally:
            self.tuning.__exit__(None, None, None)
            self.folder.cleanup()

    # What workers do

    def ask_once(self, request: str, resumable: bool = False, anneals: bool = False) -> LeasedTrial | NoTrial:
        ask = Ask(worker="w", request_id=request, resumable=resumable, anneals=anneals)
        return self.tuning.run(self.tuning.trials.ask(NAME, ask))

    @rule(resumable=st.sampled_from([True, True, False]), anneals=st.sampled_from([True, True, False]))
    def ask(self, resumable: bool, anneals: bool) -> None:
        self.requests += 1
        self.asks(f"r{self.requests}", resumable, anneals)

    def budgeted(self) -> int:
        """Trials that have a place in the budget: those that failed have given theirs back."""
        return sum(m.budgeted and m.state != "failed" for m in self.models)

    def asks(self, request: str, resumable: bool, anneals: bool) -> None:
        study = self.tuning.run(self.tuning.studies.get(NAME))
        if halt_of(study) is not None:
            self.tuning.run(self.tuning.studies.patch(NAME, StudyPatch(paused=False)))
        reply = self.ask_once(request, resumable, anneals)
        waiting = [m for m in self.models if m.state == "waiting" and (anneals or m.max_steps == MAX_STEPS)]
        waiting = [m for m in waiting if self.fits(m.needs)]
        fits, running = self.fits_another(), any(m.state == "running" for m in self.models)
        budgeted = self.budgeted()
        if isinstance(reply, NoTrial):
            assert not waiting
            if not reply.done and self.may_wait(anneals):
                return
            assert budgeted == self.most or not fits
            assert reply.done == (not running)
            if not running:
                self.starve()
            for model in self.models:
                if reply.done and model.state == "paused":
                    model.state = "pruned"
            return
        if not running and not any(self.fits(m.needs) for m in self.models if m.state == "waiting"):
            self.starve()  # And a paused trial, which needs fewer steps, goes on.
        if reply.number == len(self.models):
            assert not waiting, "a waiting trial goes before a new one"
            assert budgeted < self.most, "the budget is exact"
            assert fits, "steps that others wait for are not given away"
            self.models.append(Model("new"))
        model = self.models[reply.number]
        if model.state == "paused":
            assert not waiting, "a trial that was cut short goes before one that is promoted"
            assert resumable or budgeted == self.most or not fits
            if not resumable:
                model.checkpoint = None
            model.state = "waiting"
        assert model.state in ("waiting", "new")
        if model.state == "waiting" and reply.max_steps != model.max_steps:
            assert not anneals, "a training stays as long as it was, where it can"
            assert budgeted == self.most
            model.checkpoint = None
        model.max_steps = reply.max_steps or MAX_STEPS
        assert anneals or model.max_steps == MAX_STEPS, "who does not anneal trains in full"
        if model.attempt == 0 or model.lost:
            model.attempt += 1
        assert reply.attempt == model.attempt
        assert (reply.resume.step if reply.resume else None) == model.checkpoint
        kept = -1 if model.checkpoint is None else model.checkpoint
        model.lost_steps += max(0, model.reached - max(kept, 0))
        model.curve = {s: v for s, v in model.curve.items() if s <= kept}
        assert reply.lease != model.lease, "a lease is handed out once"
        if model.lapsed:
            self.given_up.append((reply.number, str(model.lease)))
            model.lapsed = False
        model.state, model.lost, model.lease, model.request = "running", False, reply.lease, request
        self.answered.add(request)
        self.asked_since[request] = reply.number
        model.told_to_stop, model.resumed, model.resumable = None, model.checkpoint, resumable
        model.target = (
            self.tuning.run(self.tuning.studies.get(NAME)).trials[reply.number].system_attrs.get(PAUSE_AT_ATTR)
        )
        model.expires_at = self.tuning.clock.now + TTL

    def starve(self) -> None:
        """The steps for what waits are not left, and will not be."""
        for model in self.models:
            if model.state == "waiting":
                model.state = "failed" if model.lost or model.attempt == 0 else "pruned"

    def fits(self, steps: int) -> bool:
        """Whether the budget has so many steps beside those that are trained and those of trials on lease."""
        reserved = sum(m.max_steps - m.reached for m in self.models if m.state == "running")
        return self.total is None or self.trained + reserved + steps <= self.total

    def fits_another(self) -> bool:
        return self.fits(MAX_STEPS + sum(m.needs for m in self.models if m.state == "waiting"))

    @property
    def used_up(self) -> bool:
        """Whether the steps of the budget are all trained, so that nobody goes on."""
        return self.total is not None and self.trained >= self.total

    @property
    def trained(self) -> int:
        return sum(m.reached + m.lost_steps for m in self.models if m.budgeted)

    @precondition(lambda self: any(m.request for m in self.models if m.state == "running"))
    @rule(data=st.data())
    def ask_again_with_the_same_request(self, data: st.DataObject) -> None:
        number, model = self.pick(data, "running")
        reply = self.ask_once(str(model.request))
        assert isinstance(reply, LeasedTrial)
        assert (reply.number, reply.lease, reply.attempt) == (number, model.lease, model.attempt)

    @precondition(lambda self: self.dead_requests)
    @rule(data=st.data(), resumable=st.booleans(), anneals=st.booleans())
    def ask_again_with_the_request_of_a_lease_that_has_ended(
        self, data: st.DataObject, resumable: bool, anneals: bool
    ) -> None:
        self.asks(data.draw(st.sampled_from(sorted(self.dead_requests))), resumable, anneals)

    @property
    def dead_requests(self) -> set[str]:
        return self.answered - {str(m.request) for m in self.models if m.state == "running"}

    @precondition(lambda self: any(m.state == "running" for m in self.models))
    @rule(
        data=st.data(),
        steps=st.lists(st.integers(0, MAX_STEPS), min_size=1, max_size=3),
        value=st.sampled_from([0.5, 0.25, 1000.0, math.nan, math.inf]),
        checkpoint=st.booleans(),
    )
    def report(self, data: st.DataObject, steps: list[int], value: float, checkpoint: bool) -> None:
        number, model = self.pick(data, "running")
        self.report_steps(number, model, steps, value, checkpoint)

    def report_steps(self, number: int, model: Model, steps: list[int], value: float, checkpoint: bool) -> None:
        steps = [min(step, model.max_steps) for step in steps]
        kept = Checkpoint(uri=f"file:///{number}", step=max(steps)) if checkpoint else None
        body = Reports(lease=str(model.lease), reports=[Report(step=s, value=value) for s in steps], checkpoint=kept)
        verdict = self.tuning.run(self.tuning.trials.report(NAME, number, body))
        overdrawn = False
        if model.resumed is not None and min(steps) < model.resumed:  # It began at 0, and not at its checkpoint.
            model.lost_steps, model.resumed, model.curve = model.lost_steps + model.reached, None, {}
            model.checkpoint = None
            overdrawn = not self.fits(0)
            self.overdrawn |= overdrawn
        fresh = [s for s in dict.fromkeys(steps) if s not in model.curve]
        model.curve |= dict.fromkeys(fresh, value)
        model.expires_at = self.tuning.clock.now + TTL
        if kept is not None:
            model.checkpoint = kept.step
        if model.told_to_stop is None:
            last = max(model.curve)
            if fresh and not math.isfinite(value):
                model.told_to_stop = "diverged"
            elif last < model.max_steps:
                model.told_to_stop = "study_finished" if self.used_up else self.judged(model, last) if fresh else None
            if model.told_to_stop is None and overdrawn:
                model.told_to_stop = "study_finished"
        assert verdict.reason == model.told_to_stop
        told = "pause" if model.told_to_stop == "paused" else "stop"
        assert verdict.verdict == (told if model.told_to_stop else "continue")

    def may_wait(self, anneals: bool) -> bool:
        """Whether a trainer may be told to wait though the budget is not spent."""
        return False

    def judged(self, model: Model, last: int) -> str | None:
        return "pruned" if model.curve[last] > 100 or math.isnan(model.curve[last]) else None

    @precondition(lambda self: any(m.state == "running" for m in self.models))
    @rule(data=st.data())
    def heartbeat(self, data: st.DataObject) -> None:
        self.beat(*self.pick(data, "running"))

    def beat(self, number: int, model: Model) -> None:
        body = Heartbeat(lease=str(model.lease))
        verdict = self.tuning.run(self.tuning.trials.heartbeat(NAME, number, body))
        if model.told_to_stop is None and max(model.curve, default=0) < model.max_steps and self.used_up:
            model.told_to_stop = "study_finished"
        assert verdict.reason == model.told_to_stop
        model.expires_at = self.tuning.clock.now + TTL

    @precondition(lambda self: any(m.state == "running" for m in self.models))
    @rule(data=st.data(), state=st.sampled_from(FINISHED), value=st.sampled_from([0.125, math.nan]))
    def finish(self, data: st.DataObject, state: str, value: float) -> None:
        self.end(*self.pick(data, "running"), state, value)

    def end(self, number: int, model: Model, state: str, value: float) -> None:
        body = Result.model_validate({"lease": model.lease, "state": state, "value": value})
        for _ in range(2):  # The second is a replay, and changes nothing.
            _, trial = self.tuning.run(self.tuning.trials.result(NAME, number, body))
            assert trial.number == number
        model.state = "diverged" if state == "complete" and math.isnan(value) else state
        model.value = value if model.state == "complete" else None
        other = Result(lease=str(model.lease), state="complete", value=77.0)
        with pytest.raises(LeaseLost):
            self.tuning.run(self.tuning.trials.result(NAME, number, other))
        self.given_up.append((number, str(model.lease)))

    @precondition(lambda self: any(m.state == "running" for m in self.models))
    @rule(data=st.data(), step=st.none() | st.integers(0, MAX_STEPS))
    def release(self, data: st.DataObject, step: int | None) -> None:
        number, model = self.pick(data, "running")
        self.give_back(number, model, step)

    def give_back(self, number: int, model: Model, step: int | None) -> None:
        step = None if step is None else min(step, model.max_steps)
        checkpoint = None if step is None else Checkpoint(uri="file:///c", step=step)
        body = Release(lease=str(model.lease), checkpoint=checkpoint)
        self.tuning.run(self.tuning.trials.release(NAME, number, body))
        if step is not None:
            model.checkpoint = step
        self.given_up.append((number, str(model.lease)))
        model.state, model.request = self.state_after(model), None

    def state_after(self, model: Model) -> str:
        return "pruned" if model.told_to_stop == "study_finished" else model.told_to_stop or "waiting"

    @property
    def comers_back(self) -> list[int]:
        """Trials whose lease ran out, that nobody had since, and whose steps to the end are left."""
        lapsed = [n for n, m in enumerate(self.models) if m.lapsed and m.state in ("waiting", "paused")]
        return [n for n in lapsed if self.fits(self.models[n].max_steps - self.models[n].reached)]

    @precondition(lambda self: self.comers_back)
    @rule(data=st.data(), call=st.sampled_from(["heartbeat", "report", "finish", "release"]))
    def a_worker_whose_lease_ran_out_comes_back(self, data: st.DataObject, call: str) -> None:
        """As if it had never been away."""
        number = data.draw(st.sampled_from(self.comers_back))
        model = self.models[number]
        model.state, model.lost, model.lapsed = "running", False, False
        if self.asked_since.get(str(model.request)) != number:
            model.request = None
        match call:
            case "heartbeat":
                self.beat(number, model)
            case "report":
                self.report_steps(number, model, [min(model.reached + 1, model.max_steps)], 0.5, False)
            case "finish":
                self.end(number, model, "complete", 0.125)
            case _:
                self.give_back(number, model, None)

    @property
    def stale(self) -> list[tuple[int, str]]:
        """Leases that open nothing any more."""
        back = self.comers_back
        lapsed = [(n, str(m.lease)) for n, m in enumerate(self.models) if m.lapsed and n not in back]
        return self.given_up + lapsed

    @precondition(lambda self: self.stale)
    @rule(data=st.data())
    def a_stale_worker_changes_nothing(self, data: st.DataObject) -> None:
        number, lease = data.draw(st.sampled_from(self.stale))
        calls: list[Any] = [
            self.tuning.trials.report(NAME, number, Reports(lease=lease, reports=[Report(step=1, value=0.1)])),
            self.tuning.trials.heartbeat(NAME, number, Heartbeat(lease=lease)),
            self.tuning.trials.release(NAME, number, Release(lease=lease)),
            self.tuning.trials.result(NAME, number, Result(lease=lease, state="complete", value=-1.0)),
        ]
        for call in calls:
            with pytest.raises(LeaseLost):
                self.tuning.run(call)

    # What happens beside them

    @rule(seconds=st.sampled_from([61.0, 30.0, 61.0]))
    def time_passes(self, seconds: float) -> None:
        self.leases_of_a_study_read_anew_are_renewed()
        self.tuning.clock.now += seconds
        self.leases_of_a_study_read_anew_are_renewed()
        self.tuning.trials.expire()
        for model in self.models:
            if model.state != "running" or model.expires_at >= self.tuning.clock.now:
                continue
            if model.told_to_stop is not None:
                model.state = self.state_after(model)
            elif model.attempt >= MAX_ATTEMPTS:
                model.state = "failed"
            else:
                model.state, model.lost = "waiting", True
            model.lapsed = True

    def leases_of_a_study_read_anew_are_renewed(self) -> None:
        """The engine may read a study anew at any time, as it does when the database was slow to answer."""
        study = self.tuning.run(self.tuning.studies.get(NAME))
        if study is not self.mirror:
            self.mirror = study
            for model in self.models:
                if model.state == "running":
                    model.expires_at = self.tuning.clock.now + TTL

    @rule(rate=st.floats(1e-6, 1.0))
    def enqueue(self, rate: float) -> None:
        body = Enqueue(params={"learning_rate": rate})
        if self.budgeted() == self.most or not self.fits_another():
            with pytest.raises(BudgetSpent):
                self.tuning.run(self.tuning.trials.enqueue(NAME, body))
            return
        trial, _ = self.tuning.run(self.tuning.trials.enqueue(NAME, body))
        assert trial.number == len(self.models)
        self.models.append(Model("waiting"))

    @precondition(lambda self: len(self.models) < 3 * self.most)
    @rule(value=st.sampled_from([0.3, math.nan]))
    def record(self, value: float) -> None:
        body = Record(params={"learning_rate": 0.01}, reports=[Report(step=1, value=1.0)], value=value)
        trial, _ = self.tuning.run(self.tuning.trials.record(NAME, body))
        assert trial.number == len(self.models)
        done = "complete" if math.isfinite(value) else "diverged"
        model = Model(done, budgeted=False, curve={1: 1.0})
        model.value = value if done == "complete" else None
        self.models.append(model)

    @rule()
    def the_service_restarts(self) -> None:
        """What the database holds is all that counts; leases are renewed."""
        study = self.tuning.run(self.tuning.studies.get(NAME))
        self.tuning.run(self.tuning.studies.settled(study))
        self.tuning.forget(NAME)
        for model in self.models:
            if model.state == "running":
                model.expires_at = self.tuning.clock.now + TTL

    # What always holds

    @invariant()
    def the_study_is_what_the_model_says(self) -> None:
        study = self.tuning.run(self.tuning.studies.get(NAME))
        states = ["waiting" if model.state == "paused" else model.state for model in self.models]
        assert [trial.outcome for trial in study.trials] == states
        assert set(study.paused_trials) == {n for n, model in enumerate(self.models) if model.state == "paused"}
        assert sorted(study.paused_trials.values()) == study.paused_ranking
        assert set(study.waiting) == {n for n, model in enumerate(self.models) if model.state == "waiting"}
        assert [trial.number for trial in study.trials] == list(range(len(self.models)))
        for trial, model in zip(study.trials, self.models, strict=True):
            assert {s: repr(v) for s, v in trial.intermediate.items()} == {s: repr(v) for s, v in model.curve.items()}
            if model.state == "complete":
                assert trial.value == model.value
            assert (trial.number in study.leased) == (model.state == "running")
        counts = {state: n for state, n in study.tally.outcomes.items() if n}
        assert counts == {state: states.count(state) for state in set(states)}
        assert study.tally.spent_trials == sum(m.budgeted for m in self.models)
        assert counted_trials(study) == self.budgeted() <= self.most
        assert study.tally.trained == self.trained
        assert study.tally.reserved == sum(m.max_steps - m.reached for m in self.models if m.state == "running")
        assert study.tally.awaited == sum(m.needs for m in self.models if m.state == "waiting")
        assert self.total is None or self.overdrawn or self.trained + study.tally.reserved <= self.total

    def pick(self, data: st.DataObject, state: str) -> tuple[int, Model]:
        numbers = [n for n, model in enumerate(self.models) if model.state == state]
        number = data.draw(st.sampled_from(numbers))
        return number, self.models[number]
