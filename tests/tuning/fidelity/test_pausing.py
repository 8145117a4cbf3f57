"""Trials that can be resumed train for as long as they earn it; budgets stay exact, whatever happens to workers."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import log10
from pathlib import Path
from typing import Any

import pytest

from lrtune.service.storage.memory.study import StudyMirror
from lrtune.service.tuning.fidelity.pausing import NewPoint, Promotion, choose
from lrtune.service.tuning.sampling import draw
from lrtune.service.tuning.state.outcomes import explanation_of
from lrtune.service.wire.trials import (
    Ask,
    Checkpoint,
    Enqueue,
    LeasedTrial,
    NoTrial,
    Release,
    Report,
    Reports,
    Result,
    Verdict,
)
from tests.support.tuning import Tuning

RATE = {"learning_rate": {"type": "float", "low": 1e-5, "high": 1.0, "log": True}}
SEVERAL = {
    **RATE,
    "momentum": {"type": "float", "low": 0.0, "high": 0.99},
    "optimizer": {"type": "categorical", "choices": ["sgd", "adam"]},
    "beta": {"type": "float", "low": 0.1, "high": 0.9, "when": {"optimizer": ["adam"]}},
    "device": {"type": "categorical", "choices": ["gpu"]},
}
STEPS = 20


def loss(params: dict[str, Any], step: int) -> float:
    return 0.1 + 0.3 * (log10(params["learning_rate"]) + 2.5) ** 2 + params.get("momentum", 0.0) * 0.1 + 1.0 / step


@dataclass
class Bench:
    """A study, and what its workers do."""

    tuning: Tuning
    name: str = "s"
    asked: int = 0
    trained: int = 0
    held: dict[int, tuple[LeasedTrial, int]] = field(default_factory=dict)

    @property
    def study(self) -> StudyMirror:
        return self.tuning.run(self.tuning.studies.get(self.name))

    def ask(self, *, resumable: bool = True) -> LeasedTrial | NoTrial:
        self.asked += 1
        ask = Ask(worker="w", request_id=f"r{self.asked}", resumable=resumable)
        return self.tuning.run(self.tuning.trials.ask(self.name, ask))

    def leased(self, *, resumable: bool = True) -> LeasedTrial:
        reply = self.ask(resumable=resumable)
        assert isinstance(reply, LeasedTrial)
        return reply

    def report(self, trial: LeasedTrial, step: int, *, keep: bool = True) -> Verdict:
        kept = Checkpoint(uri=f"file:///{trial.number}-{step}", step=step) if keep else None
        reports = [Report(step=step, value=loss(trial.params, step))]
        self.trained += 1
        body = Reports(lease=trial.lease, reports=reports, checkpoint=kept)
        return self.tuning.run(self.tuning.trials.report(self.name, trial.number, body))

    def release(self, trial: LeasedTrial) -> None:
        self.tuning.run(self.tuning.trials.release(self.name, trial.number, Release(lease=trial.lease)))

    def complete(self, trial: LeasedTrial) -> None:
        body = Result(lease=trial.lease, state="complete")
        self.tuning.run(self.tuning.trials.result(self.name, trial.number, body))

    def until_paused(self, trial: LeasedTrial, *, keep: bool = True) -> int:
        """Train on until the verdict is `pause`, and give the trial back; the step."""
        for step in range(trial.resume.step + 1 if trial.resume else 1, STEPS):
            verdict = self.report(trial, step, keep=keep)
            if verdict.verdict == "pause":
                assert verdict.reason == "paused"
                self.release(trial)
                return step
            assert verdict.verdict == "continue"
        pytest.fail("it was not paused")

    def finish(self, *, workers: int, source: random.Random | None = None) -> NoTrial:
        """Train until the service says that all is done; with `source` workers are preempted, cannot resume, keep no
        checkpoint, ignore a pause, and the service restarts."""
        for turn in range(20_000):
            worker = turn % workers
            if worker not in self.held:
                reply = self.ask(resumable=source is None or source.random() < 0.8)
                if isinstance(reply, NoTrial):
                    if reply.done:
                        return reply
                    continue
                self.held[worker] = reply, reply.resume.step if reply.resume else 0
            self._step(worker, source)
            if source is not None and source.random() < 0.01:
                self.tuning.run(self.tuning.studies.settled(self.study))
                self.tuning.forget(self.name)
        pytest.fail("the study did not come to its end")

    def _step(self, worker: int, source: random.Random | None) -> None:
        trial, step = self.held[worker]
        verdict = self.report(trial, step + 1, keep=source is None or source.random() < 0.9)
        self.held[worker] = trial, step + 1
        ignores = source is not None and source.random() < 0.3
        if step + 1 == STEPS:
            self.complete(trial)
            del self.held[worker]
        elif (verdict.verdict != "continue" and not ignores) or (source is not None and source.random() < 0.02):
            self.release(trial)
            del self.held[worker]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Tuning(f"sqlite:///{tmp_path}/lrtune.db") as tuning:
        yield Bench(tuning)


def create(bench: Bench, **spec: Any) -> None:
    bench.tuning.create(**{"name": bench.name, "search_space": RATE, "max_steps": STEPS, "max_trials": 8} | spec)


@pytest.mark.parametrize(("space", "trials", "workers"), [(RATE, 30, 2), (SEVERAL, 16, 1), (SEVERAL, 16, 6)])
def test_some_trials_are_promoted_and_the_others_end_where_they_were_paused(
    bench: Bench, space: dict[str, Any], trials: int, workers: int
) -> None:
    create(bench, search_space=space, max_trials=trials)
    assert bench.finish(workers=workers).reason == "max_trials"
    study = bench.study
    outcomes = {outcome: count for outcome, count in study.tally.outcomes.items() if count}
    assert outcomes["complete"]
    assert set(outcomes) <= {"complete", "pruned"}
    assert "pruned" in outcomes or space is RATE, "along the rate all may earn their steps, none of them more"
    assert sum(outcomes.values()) == study.tally.spent_trials == trials
    assert study.tally.trained == bench.trained <= trials * STEPS
    assert study.tally.reserved == 0
    told = [str(explanation_of(trial)) for trial in study.trials if trial.outcome == "pruned"]
    assert all("earned no more steps before max_trials was spent" in text for text in told)
    assert all(trial.values == [trial.intermediate[trial.last_step]] for trial in study.trials if trial.last_step)
    assert study.best is not None
    assert isinstance(done := bench.ask(), NoTrial)
    assert (done.done, done.reason) == (True, "max_trials")


@pytest.mark.parametrize("space", [RATE, SEVERAL])
@pytest.mark.parametrize(("trials", "workers"), [(6, 1), (18, 1), (12, 8)])
def test_where_trials_are_the_budget_half_of_their_steps_are_trained(
    bench: Bench, space: dict[str, Any], trials: int, workers: int
) -> None:
    create(bench, search_space=space, max_trials=trials)
    bench.finish(workers=workers)
    study = bench.study
    assert trials * STEPS / 2 <= study.tally.trained
    assert study.tally.outcomes["complete"] >= trials / 3


@pytest.mark.parametrize("seed", range(4))
def test_budgets_stay_exact_whatever_happens_to_workers(bench: Bench, seed: int) -> None:
    source = random.Random(seed)
    budget = {"max_trials": 14} if seed % 2 else {"max_trials": None, "max_total_steps": 7 * STEPS}
    create(bench, search_space=SEVERAL if seed < 2 else RATE, **budget)
    reply = bench.finish(workers=5, source=source)
    study = bench.study
    assert not study.paused_trials
    assert not study.waiting
    assert study.tally.trained == bench.trained
    if seed % 2:
        assert reply.reason == "max_trials"
        assert study.tally.spent_trials == 14
    else:
        assert reply.reason == "max_total_steps"
        assert 6 * STEPS < bench.trained <= 7 * STEPS
    assert study.tally.outcomes["complete"] >= 1


def test_a_paused_trial_waits_through_a_restart_and_goes_on_from_its_checkpoint(bench: Bench) -> None:
    create(bench, max_trials=2)
    first, second = bench.leased(), bench.leased()
    step = bench.until_paused(first)
    bench.tuning.forget("s")
    study = bench.study
    assert list(study.paused_trials) == [first.number]
    assert study.trials[0].outcome == "waiting"
    assert str(explanation_of(study.trials[0])).startswith(f"Paused at step {step} of {STEPS}, rank 1 of 1")
    assert study.tally.reserved == STEPS, "a paused trial keeps no steps from others"
    bench.until_paused(second)
    promoted = bench.leased()
    assert promoted.resume == Checkpoint(uri=f"file:///{promoted.number}-{step}", step=step)
    assert (promoted.attempt, promoted.max_steps) == (1, STEPS)
    assert bench.report(promoted, step + 1).verdict == "continue"
    assert sorted(bench.study.trials[promoted.number].intermediate) == list(range(1, step + 2))


def test_without_a_checkpoint_a_promoted_trial_begins_again(bench: Bench) -> None:
    create(bench, max_trials=1)
    step = bench.until_paused(bench.leased(), keep=False)
    again = bench.leased()
    assert again.resume is None
    assert bench.study.trials[0].intermediate == {}
    for at in range(1, STEPS + 1):
        assert bench.report(again, at).verdict == "continue"
    bench.complete(again)
    assert bench.study.tally.trained == STEPS + step


def test_a_pause_that_is_ignored_stands_and_the_reports_are_kept(bench: Bench) -> None:
    create(bench, max_trials=1)
    trial = bench.leased()
    verdicts = [bench.report(trial, step) for step in range(1, STEPS + 1)]
    paused = [verdict for verdict in verdicts if verdict.verdict == "pause"]
    assert len(paused) == STEPS, "it is told so at every report, the first one on"
    assert len({verdict.explanation for verdict in paused}) == 1
    bench.complete(trial)
    assert bench.study.trials[0].outcome == "complete"
    assert len(bench.study.trials[0].intermediate) == STEPS


def test_a_worker_that_dies_at_its_pause_costs_no_attempt(bench: Bench) -> None:
    create(bench, max_trials=1, max_attempts=1)
    trial = bench.leased()
    assert bench.report(trial, 1).verdict == "pause"
    bench.tuning.clock.now += 61
    assert bench.tuning.trials.expire() == 1
    assert list(bench.study.paused_trials) == [0]
    again = bench.leased()
    assert (again.attempt, again.resume) == (1, Checkpoint(uri="file:///0-1", step=1))


def test_a_worker_that_cannot_resume_gets_a_new_trial_and_is_never_paused(bench: Bench) -> None:
    create(bench, max_trials=2)
    bench.until_paused(bench.leased())
    other = bench.leased(resumable=False)
    assert other.number == 1
    assert {bench.report(other, step).verdict for step in range(1, STEPS + 1)} == {"continue"}
    bench.complete(other)


def test_where_no_worker_can_resume_a_promoted_trial_is_trained_from_its_start(bench: Bench) -> None:
    create(bench, max_trials=1)
    bench.until_paused(bench.leased())
    again = bench.leased(resumable=False)
    assert (again.number, again.resume) == (0, None)
    assert bench.study.trials[0].intermediate == {}


def test_it_waits_for_those_that_can_resume_while_there_are_some(bench: Bench) -> None:
    create(bench, max_trials=2)
    bench.until_paused(bench.leased())
    bench.leased()
    assert bench.ask(resumable=False) == NoTrial(done=False, retry_after_seconds=2.0)


def test_idle_workers_that_ask_again_cost_no_new_choice(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = 0

    def counted(*given: Any, **more: Any) -> Promotion | NewPoint | None:
        nonlocal chosen
        chosen += 1
        return choose(*given, **more)

    monkeypatch.setattr(draw, "choose", counted)
    create(bench, search_space=SEVERAL, max_trials=14)
    bench.finish(workers=16)
    assert bench.asked > chosen + 40, "most workers are idle while the last trials train"


def test_a_point_that_was_put_into_the_queue_is_not_paused(bench: Bench) -> None:
    create(bench)
    bench.tuning.run(bench.tuning.trials.enqueue("s", Enqueue(params={"learning_rate": 0.1})))
    trial = bench.leased()
    assert trial.params == {"learning_rate": 0.1}
    assert {bench.report(trial, step).verdict for step in range(1, STEPS + 1)} == {"continue"}


@pytest.mark.parametrize(
    "spec", [{"tags": {"folds": "5"}}, {"pruner": {"name": "none"}}, {"sampler": {"name": "tpe"}}, {"max_steps": None}]
)
def test_only_where_all_is_left_to_auto_are_trials_paused(bench: Bench, spec: dict[str, Any]) -> None:
    create(bench, **spec)
    trial = bench.leased()
    assert {bench.report(trial, step).verdict for step in range(1, STEPS + 1)} == {"continue"}


def test_values_of_folds_are_not_raced(bench: Bench) -> None:
    create(bench, search_space=SEVERAL, tags={"folds": "20"}, max_trials=9)
    for _ in range(8):
        trial = bench.leased()
        for fold in range(1, STEPS + 1):
            assert bench.report(trial, fold).verdict == "continue"
        bench.complete(trial)
    last = bench.leased()
    for fold in range(1, STEPS + 1):
        body = Reports(lease=last.lease, reports=[Report(step=fold, value=99.0)])
        assert bench.tuning.run(bench.tuning.trials.report("s", last.number, body)).verdict == "continue"


def test_an_enqueued_point_that_spends_the_budget_while_another_is_drawn_does_not_overshoot_it(bench: Bench) -> None:
    create(bench, max_trials=1, pruner={"name": "none"})

    async def both() -> LeasedTrial | NoTrial:
        import asyncio

        asked = asyncio.ensure_future(bench.tuning.trials.ask("s", Ask(worker="w", request_id="r")))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await bench.tuning.trials.enqueue("s", Enqueue(params={"learning_rate": 0.1}))
        return await asked

    bench.tuning.run(both())
    assert bench.study.tally.spent_trials == 1
