"""Studies whose trainers anneal: short trainings first, on lease, and what comes of them."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from math import log10
from pathlib import Path
from typing import Any

import optuna
import pytest
from sqlalchemy import select

from lrtune.service.storage.memory.study import StudyMirror, TrialMirror
from lrtune.service.storage.schema import tables
from lrtune.service.tuning.suggesting.suggestion import suggest
from lrtune.service.tuning.views.studies import status_view
from lrtune.service.tuning.views.trials import trial_view
from lrtune.service.wire.studies import StudyPatch, Suggestion
from lrtune.service.wire.trials import (
    Ask,
    Checkpoint,
    Enqueue,
    LeasedTrial,
    NoTrial,
    Record,
    Release,
    Report,
    Reports,
    Result,
    Verdict,
)
from tests.support.tuning import Tuning

STEPS = 90
PLAN = [10] * 7 + [30] * 2 + [90] * 2
BEST = -2.5
"""Of full trainings, as a log10."""

RATE = {"learning_rate": {"type": "float", "low": 1e-5, "high": 10.0, "log": True}}
PRIOR = {"learning_rate": {"median": 1e-2, "spread_decades": 0.5}}


def loss_of(rate: float, steps: int) -> float:
    """An annealed training's: the valley lies a quarter decade higher for a third of the length; from 1 on diverged.
    A short training's loss is *lower*, so that whoever mistakes it for a full one is found out."""
    up = 0.25 * math.log(STEPS / steps, 3)
    return math.nan if rate >= 1 else 0.1 * (steps / STEPS) ** 0.5 * math.exp((log10(rate) - BEST - up) ** 2)


@dataclass
class Bench:
    """A study, and what its workers do."""

    tuning: Tuning
    sign: float = 1.0
    asked: int = 0

    @property
    def study(self) -> StudyMirror:
        return self.tuning.run(self.tuning.studies.get("s"))

    def ask(self, *, anneals: bool = True, resumable: bool = False) -> LeasedTrial | NoTrial:
        self.asked += 1
        ask = Ask(worker=f"w{self.asked}", request_id=f"r{self.asked}", anneals=anneals, resumable=resumable)
        return self.tuning.run(self.tuning.trials.ask("s", ask))

    def leased(self, *, anneals: bool = True, resumable: bool = False) -> LeasedTrial:
        reply = self.ask(anneals=anneals, resumable=resumable)
        assert isinstance(reply, LeasedTrial), reply
        return reply

    def report(self, trial: LeasedTrial, step: int, value: float) -> Verdict:
        body = Reports(lease=trial.lease, reports=[Report(step=step, value=value)])
        return self.tuning.run(self.tuning.trials.report("s", trial.number, body))

    def train(self, trial: LeasedTrial) -> TrialMirror:
        """To its end: nobody stops it before."""
        assert trial.max_steps is not None
        value = loss_of(trial.params["learning_rate"], trial.max_steps)
        for step in (1, trial.max_steps // 2, trial.max_steps):
            verdict = self.report(trial, step, self.sign * value * (1 + trial.max_steps - step))
            assert (verdict.verdict == "continue") == math.isfinite(value)
        body = Result(lease=trial.lease, state="complete", value=self.sign * value)
        return self.tuning.run(self.tuning.trials.result("s", trial.number, body))[1]

    def climb(self) -> list[LeasedTrial]:
        """The ladder's trainings, one worker."""
        leases = []
        for _ in PLAN:
            leases.append(self.leased())
            self.train(leases[-1])
        return leases

    def suggestion(self) -> Suggestion:
        return suggest(self.study)


@pytest.fixture
def tuning(tmp_path: Path) -> Iterator[Tuning]:
    with Tuning(f"sqlite:///{tmp_path}/lrtune.db") as tuning:
        yield tuning


def begun(tuning: Tuning, **spec: Any) -> Bench:
    tuning.create(**{"name": "s", "search_space": RATE, "prior": PRIOR, "max_steps": STEPS, **spec})
    return Bench(tuning, -1.0 if spec.get("direction") == "maximize" else 1.0)


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_a_trainer_that_anneals_climbs_and_then_trains_in_full(tuning: Tuning, direction: str) -> None:
    bench = begun(tuning, max_trials=13, direction=direction)
    leases = bench.climb()
    assert [trial.max_steps for trial in leases] == PLAN
    found = bench.suggestion()
    assert found.basis == "posterior"
    assert found.learning_rate == pytest.approx(10**BEST, rel=0.8), "within a quarter decade"
    assert found.interval is not None
    assert found.interval[0] <= 10**BEST <= found.interval[1]
    assert found.expected_value == pytest.approx(bench.sign * 0.1, rel=0.2)
    assert "full trainings, smoothed by the shorter ones" in found.explanation
    for _ in range(2):
        trial = bench.leased(resumable=True)
        assert trial.max_steps == STEPS
        bench.train(trial)
    assert isinstance(done := bench.ask(), NoTrial)
    assert (done.done, done.reason) == (True, "max_trials")
    status = status_view(bench.study)
    assert (status.state, status.short_trainings) == ("finished", 9)
    assert status.trials.complete + status.trials.diverged == 13
    assert status.steps.saved_by_pruning == 0


def test_a_short_training_is_no_full_one_to_anybody(tuning: Tuning) -> None:
    bench = begun(tuning, max_trials=11)
    bench.climb()
    study = bench.study
    shown = [trial_view(trial) for trial in study.trials]
    assert [(trial.state, trial.max_steps) for trial in shown] == [("complete", steps) for steps in PLAN]
    values = [float(trial.value) for trial in shown if trial.value is not None]
    assert min(values[:9]) < min(values[9:]), "the short ones have lower losses here"
    status = status_view(study)
    assert status.best is not None
    assert status.best.trial in (9, 10)
    tuning.run(tuning.studies.settled(study))
    storage = optuna.storages.RDBStorage(tuning.url)
    stock = optuna.load_study(study_name="s", storage=storage)
    assert stock.best_trial.number == status.best.trial
    assert [t.state.name for t in stock.trials] == ["PRUNED"] * 9 + ["COMPLETE"] * 2
    storage.remove_session()
    storage.engine.dispose()


def test_a_replayed_result_of_a_short_training_changes_nothing(tuning: Tuning) -> None:
    bench = begun(tuning)
    trial = bench.leased()
    body = Result(lease=trial.lease, state="complete", value=0.5)
    versions = set()
    for _ in range(2):
        study, kept = tuning.run(tuning.trials.result("s", 0, body))
        assert (kept.outcome, kept.value) == ("complete", 0.5)
        versions.add(study.version)
    assert len(versions) == 1


def test_many_workers_get_the_first_rung_and_the_others_wait(tuning: Tuning) -> None:
    bench = begun(tuning, max_trials=50)
    first = [bench.leased() for _ in range(5)]
    for _ in range(2):
        assert bench.ask() == NoTrial(done=False, retry_after_seconds=2.0), "the next two hang on these five"
    for trial in first:
        bench.train(trial)
    for _ in range(2):
        trial = bench.leased()
        assert trial.max_steps == 10
        waits = bench.ask()
        assert isinstance(waits, NoTrial)
        assert not waits.done
        bench.train(trial)
    assert bench.leased(anneals=False).max_steps == STEPS, "who does not anneal trains in full meanwhile"
    assert [bench.leased().max_steps for _ in range(2)] == [30, 30]


def test_a_full_training_by_others_is_evidence_but_costs_the_ladder_nothing(tuning: Tuning) -> None:
    bench = begun(tuning, max_trials=50)
    other = bench.leased(anneals=False)
    tuning.run(tuning.trials.record("s", Record(params={"learning_rate": 0.003}, value=loss_of(0.003, STEPS))))
    leases = bench.climb()
    assert [trial.max_steps for trial in leases] == PLAN
    assert bench.leased().max_steps == STEPS, "done, though the other is still at work"
    assert bench.train(other).outcome == "complete"


def test_the_ladder_goes_on_after_a_restart(tuning: Tuning) -> None:
    bench = begun(tuning, max_trials=12)
    lengths = []
    for _ in range(12):
        trial = bench.leased()
        lengths.append(trial.max_steps)
        bench.train(trial)
        tuning.run(tuning.studies.settled(bench.study))
        tuning.forget("s")
    assert lengths == [*PLAN, STEPS]
    assert status_view(bench.study).short_trainings == 9
    assert bench.suggestion().basis == "posterior"


def test_a_lost_lease_goes_again_at_the_same_length_to_one_that_anneals(tuning: Tuning) -> None:
    bench = begun(tuning, max_trials=50)
    lost = bench.leased(resumable=True)
    body = Reports(
        lease=lost.lease, reports=[Report(step=4, value=1.0)], checkpoint=Checkpoint(uri="file:///c", step=4)
    )
    tuning.run(tuning.trials.report("s", 0, body))
    tuning.clock.now += 61
    tuning.trials.expire()
    other = bench.leased(anneals=False)
    assert (other.number, other.max_steps) == (1, STEPS)
    again = bench.leased(resumable=True)
    assert (again.number, again.attempt, again.max_steps) == (0, 2, 10)
    assert again.params == lost.params
    assert again.resume == Checkpoint(uri="file:///c", step=4)


def test_a_short_training_that_nobody_can_take_up_again_is_trained_in_full(tuning: Tuning) -> None:
    bench = begun(tuning, max_trials=11)
    given_back = bench.leased()
    tuning.run(tuning.trials.release("s", 0, Release(lease=given_back.lease)))
    for _ in range(10):
        bench.train(bench.leased(anneals=False))
    last = bench.leased(anneals=False)
    assert (last.number, last.max_steps, last.params) == (0, STEPS, given_back.params)
    assert bench.train(last).outcome == "complete"
    assert isinstance(done := bench.ask(anneals=False), NoTrial)
    assert (done.done, done.reason) == (True, "max_trials")
    assert status_view(bench.study).short_trainings == 0


def test_where_the_steps_for_that_are_not_left_it_is_over(tuning: Tuning) -> None:
    bench = begun(tuning, max_total_steps=400)
    given_back = bench.leased()
    tuning.run(tuning.trials.release("s", 0, Release(lease=given_back.lease)))
    while isinstance(trial := bench.ask(anneals=False), LeasedTrial):
        bench.train(trial)
    assert isinstance(done := trial, NoTrial)
    assert (done.done, done.reason) == (True, "max_total_steps")
    assert bench.study.trials[0].outcome == "pruned"
    assert bench.study.tally.trained == 360


def test_trials_that_diverge_or_fail_are_not_tried_again(tuning: Tuning) -> None:
    bench = begun(tuning, prior={"learning_rate": {"median": 3.0, "spread_decades": 0.5}}, max_attempts=1)
    leases = []
    for _ in range(9):
        trial = bench.leased()
        if len(leases) == 2:
            body = Result(lease=trial.lease, state="failed", error="out of memory")
            tuning.run(tuning.trials.result("s", trial.number, body))
        else:
            bench.train(trial)
        leases.append(trial)
    rates = [(trial.max_steps, trial.params["learning_rate"]) for trial in leases]
    assert len(set(rates)) == len(rates)
    outcomes = [trial.outcome for trial in bench.study.trials]
    assert outcomes[2] == "failed"
    assert "diverged" in outcomes
    found = bench.suggestion()
    assert found.learning_rate is not None
    assert found.learning_rate < 1


def test_it_can_be_turned_off(tuning: Tuning) -> None:
    bench = begun(tuning, short_trainings="none")
    assert bench.leased().max_steps == STEPS
    tuning.run(tuning.studies.patch("s", StudyPatch(short_trainings="auto")))
    assert bench.leased().max_steps == 10
    tuning.run(tuning.studies.patch("s", StudyPatch(short_trainings="none")))
    assert bench.leased().max_steps == STEPS


@pytest.mark.parametrize(
    "spec",
    [
        {"max_trials": 10},
        {"max_trials": 15, "replicates": 2},
        {"max_total_steps": 309},
        {"max_steps": 2},
        {"tags": {"folds": "5"}},
        {"search_space": {**RATE, "momentum": {"type": "float", "low": 0.0, "high": 0.9}}},
        {"sampler": {"name": "tpe"}},
        {"pruner": {"name": "median"}},
    ],
    ids=lambda spec: "-".join(spec),
)
def test_no_ladder_is_begun_that_the_study_cannot_hold(tuning: Tuning, spec: dict[str, Any]) -> None:
    assert begun(tuning, **spec).leased().max_steps == spec.get("max_steps", STEPS)


@pytest.mark.parametrize("spec", [{"max_trials": 11}, {"max_trials": 17, "replicates": 2}, {"max_total_steps": 310}])
def test_a_ladder_is_climbed_within_any_budget_that_holds_it(tuning: Tuning, spec: dict[str, Any]) -> None:
    bench = begun(tuning, **spec)
    assert [trial.max_steps for trial in bench.climb()] == PLAN
    while isinstance(trial := bench.ask(), LeasedTrial):
        assert trial.max_steps == STEPS
        bench.train(trial)
    assert trial.done
    repeats = [trial_view(one).repeats for one in bench.study.trials]
    assert all(one is None or one >= 9 for one in repeats), "short trainings are no finalists"
    assert any(one is not None for one in repeats) == ("replicates" in spec)


def test_what_is_known_already_needs_no_ladder_and_what_was_queued_is_trained_in_full(tuning: Tuning) -> None:
    bench = begun(tuning)
    tuning.run(tuning.trials.enqueue("s", Enqueue(params={"learning_rate": 0.01})))
    assert bench.leased().max_steps == STEPS
    assert bench.leased().max_steps == 10
    tuning.create(name="known", search_space=RATE, max_steps=STEPS)
    for rate in (1e-4, 1e-3, 1e-2, 1e-1):
        record = Record(params={"learning_rate": rate}, value=loss_of(rate, STEPS))
        tuning.run(tuning.trials.record("known", record))
    reply = tuning.run(tuning.trials.ask("known", Ask(worker="w", request_id="r", anneals=True)))
    assert isinstance(reply, LeasedTrial)
    assert reply.max_steps == STEPS


def test_while_it_climbs_the_short_trainings_answer(tuning: Tuning) -> None:
    bench = begun(tuning)
    for count in range(9):
        found = bench.suggestion()
        assert (found.basis, found.trials) == (("prior", 0) if count < 5 else ("posterior", count))
        bench.train(bench.leased())
    found = bench.suggestion()
    assert "9 shorter trainings, moved down" in found.explanation
    assert found.expected_value is None, "none was trained in full"
    assert found.interval is not None
    assert found.interval[0] <= 10**BEST <= found.interval[1]


def test_later_studies_learn_the_ladders_answer(tuning: Tuning) -> None:
    bench = begun(tuning, tags={"optimizer": "adam"})
    bench.climb()
    tuning.run(tuning.studies.settled(bench.study))
    with tuning.engine.database.read() as connection:
        (row,) = connection.execute(select(tables.history)).all()
    assert (row.optimizer, row.trials) == ("adam", 11)
    assert row.learning_rate == pytest.approx(bench.suggestion().learning_rate)
