"""Trials of several parameters whose trainers cannot resume: stopped at rungs, trained again when they lead."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lrtune.service.storage.schema.attributes import AGAIN_ATTR
from lrtune.service.tuning.state.outcomes import explanation_of
from lrtune.service.tuning.views.trials import trial_view
from lrtune.service.wire.studies import StudyPatch
from lrtune.service.wire.trials import LeasedTrial, NoTrial, Result
from tests.support.tuning import Tuning
from tests.tuning.fidelity.test_pausing import RATE, SEVERAL, Bench

STEPS = 50


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Tuning(f"sqlite:///{tmp_path}/lrtune.db") as tuning:
        yield Bench(tuning)


def create(bench: Bench, **spec: Any) -> None:
    fields = {"search_space": SEVERAL, "max_steps": STEPS, "max_trials": None, "max_total_steps": 12 * STEPS}
    bench.tuning.create(**{"name": bench.name} | fields | spec)


def train_all(bench: Bench, *, workers: int, source: random.Random | None = None) -> NoTrial:
    """Train until the service says that all is done; with `source` workers are preempted and the service restarts."""
    held: dict[int, tuple[LeasedTrial, int]] = {}
    for turn in range(20_000):
        worker = turn % workers
        if worker not in held:
            reply = bench.ask(resumable=False)
            if isinstance(reply, NoTrial):
                if reply.done:
                    return reply
                continue
            held[worker] = reply, 0
        trial, step = held[worker]
        verdict = bench.report(trial, step + 1, keep=False)
        held[worker] = trial, step + 1
        if step + 1 == STEPS:
            bench.complete(trial)
            del held[worker]
        elif verdict.verdict == "stop":
            end(bench, trial)
            del held[worker]
        elif source is not None and source.random() < 0.01:
            bench.release(trial)
            del held[worker]
        if source is not None and source.random() < 0.01:
            bench.tuning.run(bench.tuning.studies.settled(bench.study))
            bench.tuning.forget(bench.name)
    pytest.fail("the study did not come to its end")


def train_one(bench: Bench) -> None:
    trial = bench.leased(resumable=False)
    for step in range(1, STEPS + 1):
        if bench.report(trial, step, keep=False).verdict == "stop":
            return end(bench, trial)
    return bench.complete(trial)


def end(bench: Bench, trial: LeasedTrial) -> None:
    bench.tuning.run(bench.tuning.trials.result(bench.name, trial.number, Result(lease=trial.lease, state="pruned")))


@pytest.mark.parametrize("workers", [1, 6])
def test_the_leaders_are_trained_again_and_say_of_which_trial(bench: Bench, workers: int) -> None:
    create(bench)
    assert train_all(bench, workers=workers).reason == "max_total_steps"
    study = bench.study
    again = [trial for trial in study.trials if AGAIN_ATTR in trial.system_attrs]
    assert len(again) >= 3
    for trial in again:
        earlier = study.trials[trial.system_attrs[AGAIN_ATTR]]
        assert trial.params == earlier.params
        assert earlier.outcome == "pruned"
        assert trial_view(trial).again == earlier.number
        assert trial_view(earlier).again is None
    assert study.tally.outcomes["complete"] >= 3
    told = [str(explanation_of(trial)) for trial in study.trials if trial.outcome == "pruned"]
    assert any("the first 12 stop here, to show what is usual" in text for text in told)


def test_what_stopping_saved_counts_each_configuration_once(bench: Bench) -> None:
    create(bench)
    train_all(bench, workers=2)
    study = bench.study
    configurations = {trial.system_attrs.get(AGAIN_ATTR, trial.number) for trial in study.trials}
    left = sum(STEPS - (trial.last_step or 0) for trial in study.trials if trial.outcome == "running")
    assert study.tally.saved_by_pruning == len(configurations) * STEPS - study.tally.trained - left


@pytest.mark.parametrize("seed", range(2))
def test_the_budget_of_steps_is_exact_whatever_happens(bench: Bench, seed: int) -> None:
    create(bench)
    assert train_all(bench, workers=5, source=random.Random(seed)).reason == "max_total_steps"
    study = bench.study
    assert study.tally.trained == bench.trained <= 12 * STEPS
    running = [trial.system_attrs.get(AGAIN_ATTR) for trial in study.trials if trial.outcome == "complete"]
    known = [number for number in running if number is not None]
    assert len(known) == len(set(known)), "none was trained to its end twice"


@pytest.mark.parametrize("spec", [{"max_trials": 20}, {"search_space": RATE}, {"tags": {"folds": "5"}}])
def test_where_it_would_not_help_none_is_trained_again(bench: Bench, spec: dict[str, Any]) -> None:
    create(bench, **spec)
    train_all(bench, workers=1)
    assert not any(AGAIN_ATTR in trial.system_attrs for trial in bench.study.trials)


def test_a_budget_of_trials_given_later_ends_it(bench: Bench) -> None:
    create(bench, max_total_steps=None)
    for _ in range(14):
        train_one(bench)
    assert any(AGAIN_ATTR in trial.system_attrs for trial in bench.study.trials)
    bench.tuning.run(bench.tuning.studies.patch(bench.name, StudyPatch(max_trials=20)))
    train_all(bench, workers=1)
    assert len(bench.study.trials) == 20
    assert not any(AGAIN_ATTR in trial.system_attrs for trial in bench.study.trials[14:])
