"""CMA-ES without a pickled optimizer: nothing from the database is run, and a restart changes nothing."""

import itertools
import math
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.study import StudyDirection
from optuna.trial import TrialState

from lrtune.service.storage.memory.study import StudyMirror, TrialMirror
from lrtune.service.tuning.sampling.cmaes import Evolution, StillReckoning
from lrtune.service.wire.trials import Ask, Enqueue, LeasedTrial, Record, Result
from tests.support.tuning import Tuning

SPACE: dict[str, Any] = {
    "learning_rate": {"type": "float", "low": 1e-5, "high": 1.0, "log": True},
    "width": {"type": "int", "low": 8, "high": 128, "log": True},
    "dropout": {"type": "float", "low": 0.0, "high": 0.5},
    "optimizer": {"type": "categorical", "choices": ["sgd", "adam"]},
}


class Payload:
    """Unpickled, it leaves a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


def loss(params: dict[str, Any]) -> float:
    return (math.log10(params["learning_rate"]) + 2.5) ** 2 + params["dropout"] + (params["width"] - 40) ** 2 / 1e4


def train(tuning: Tuning, numbers: range) -> list[dict[str, Any]]:
    found = []
    for number in numbers:
        trial = tuning.run(tuning.trials.ask("s", Ask(worker="w", request_id=f"r{number}")))
        assert isinstance(trial, LeasedTrial)
        state = "diverged" if trial.params["learning_rate"] > 0.3 else "complete"
        value = loss(trial.params) if state == "complete" else None
        tuning.clock.advance(1)
        tuning.run(tuning.trials.result("s", trial.number, Result(lease=trial.lease, state=state, value=value)))
        found.append(trial.params)
    return found


def attrs_of(tuning: Tuning, number: int) -> dict[str, Any]:
    study = tuning.run(tuning.studies.get("s"))
    with tuning.engine.lock:
        return dict(study.trials[number].system_attrs)


@pytest.mark.parametrize("sampler", ["auto", "tpe", "cmaes", "qmc", "random", "grid", "bruteforce"])
def test_what_others_planted_in_the_database_is_never_run(migrated_url: str, tmp_path: Path, sampler: str) -> None:
    trap = tmp_path / "run"
    planted = pickle.dumps(Payload(trap)).hex()
    space = {"dropout": {"type": "float", "low": 0.0, "high": 0.5, "step": 0.1}} if sampler == "bruteforce" else SPACE
    with Tuning(migrated_url) as tuning:
        tuning.create(name="s", search_space=space, sampler={"name": sampler}, prior="none")
        for _ in range(3):
            trial = tuning.run(tuning.trials.ask("s", Ask(worker="w", request_id=os.urandom(8).hex())))
            assert isinstance(trial, LeasedTrial)
            result = Result(lease=trial.lease, state="complete", value=1.0)
            tuning.run(tuning.trials.result("s", trial.number, result))
        study = tuning.run(tuning.studies.get("s"))
        with tuning.engine.change(study) as change:
            change.set_trial_attr(study.trials[2], "cma:generation", 0, system=True)
            for key in ("cma:optimizer:0", "cma:optimizer", "sepcma:optimizer:0", "cmawm:optimizer:0"):
                change.set_trial_attr(study.trials[2], key, planted, system=True)
                change.set_study_attr(key, planted, system=True)
        tuning.forget("s")
        trial = tuning.run(tuning.trials.ask("s", Ask(worker="w", request_id="after")))
        assert isinstance(trial, LeasedTrial)
        assert "lrtune:drawn" not in attrs_of(tuning, trial.number)
        assert not trap.exists()
    pickle.loads(bytes.fromhex(planted))
    assert trap.exists(), "the trap works"


def test_a_restart_changes_no_draw_and_no_optimizer_is_stored(tmp_path: Path) -> None:
    drawn = []
    for forgets in (False, True):
        with Tuning(f"sqlite:///{tmp_path}/{forgets}.db") as tuning:
            tuning.create(name="s", search_space=SPACE, sampler={"name": "cmaes", "seed": 3}, prior="none")
            found = []
            for number in range(40):
                if forgets and number % 7 == 5:
                    tuning.forget("s")
                found += train(tuning, range(number, number + 1))
            assert {key for n in range(40) for key in attrs_of(tuning, n) if key.startswith("cma")} == {
                "cma:generation"
            }
            assert attrs_of(tuning, 39)["cma:generation"] >= 4
        drawn.append(found)
    assert drawn[0] == drawn[1]


def test_it_gets_better_from_generation_to_generation(tmp_path: Path) -> None:
    with Tuning(f"sqlite:///{tmp_path}/a.db") as tuning:
        tuning.create(name="s", search_space=SPACE, sampler={"name": "cmaes"}, prior="none")
        losses = [loss(params) for params in train(tuning, range(120))]
    assert np.median(losses[-30:]) < 0.5 * np.median(losses[:30])


def test_points_from_outside_and_planted_generations_do_not_disturb_it(tmp_path: Path) -> None:
    with Tuning(f"sqlite:///{tmp_path}/a.db") as tuning:
        tuning.create(name="s", search_space=SPACE, sampler={"name": "cmaes"}, prior="none")
        train(tuning, range(5))
        for params in [{"learning_rate": 1e-5}, {"optimizer": "adam"}]:
            tuning.run(tuning.trials.enqueue("s", Enqueue(params=params)))
        train(tuning, range(5, 7))
        assert "cma:generation" not in attrs_of(tuning, 5)
        assert "cma:generation" in attrs_of(tuning, 6)
        whole = {"learning_rate": 0.1, "width": 8, "dropout": 0.0, "optimizer": "sgd"}
        tuning.run(tuning.trials.record("s", Record(params=whole, value=5.0)))
        study = tuning.run(tuning.studies.get("s"))
        with tuning.engine.change(study) as change:
            for number, planted in enumerate([10**30, -1, True, "0", None, [0]]):
                change.set_trial_attr(study.trials[number], "cma:generation", planted, system=True)
        tuning.forget("s")
        for number in range(8, 30):
            train(tuning, range(number, number + 1))
            assert "lrtune:drawn" not in attrs_of(tuning, number)


def test_with_many_workers_late_results_of_an_older_generation_are_left_aside(tmp_path: Path) -> None:
    with Tuning(f"sqlite:///{tmp_path}/a.db") as tuning:
        tuning.create(name="s", search_space=SPACE, sampler={"name": "cmaes"}, prior="none")
        train(tuning, range(1))
        running = [tuning.run(tuning.trials.ask("s", Ask(worker="w", request_id=f"p{number}"))) for number in range(20)]
        for trial in running:
            assert isinstance(trial, LeasedTrial)
            tuning.clock.advance(1)
            result = Result(lease=trial.lease, state="complete", value=loss(trial.params))
            tuning.run(tuning.trials.result("s", trial.number, result))
        train(tuning, range(100, 101))
        assert attrs_of(tuning, 21)["cma:generation"] == 1


def test_optuna_may_go_on_with_its_own_sampler_on_the_same_study(tmp_path: Path) -> None:
    with Tuning(f"sqlite:///{tmp_path}/a.db") as tuning:
        space = {name: SPACE[name] for name in ("learning_rate", "dropout")}
        tuning.create(name="s", search_space=space, sampler={"name": "cmaes"}, prior="none")
        trials = [tuning.run(tuning.trials.ask("s", Ask(worker="w", request_id=f"r{n}"))) for n in range(12)]
        for trial in trials:
            assert isinstance(trial, LeasedTrial)
            result = Result(lease=trial.lease, state="complete", value=1.0)
            tuning.run(tuning.trials.result("s", trial.number, result))
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.CmaEsSampler(seed=0)
    study = optuna.load_study(study_name="s", storage=tuning.url, sampler=sampler)
    study.optimize(
        lambda t: t.suggest_float("learning_rate", 1e-5, 1.0, log=True) + t.suggest_float("dropout", 0, 0.5), 8
    )
    assert len(study.trials) == 20


def test_a_state_that_takes_long_to_reckon_is_reckoned_over_several_draws() -> None:
    study = StudyMirror(1, "s", [StudyDirection.MINIMIZE])
    for number in range(40):
        trial = TrialMirror(number, number, TrialState.COMPLETE, params={"x": number / 40}, values=[float(number)])
        trial.system_attrs, trial.finished_at = {"cma:generation": number // 4}, float(number)
        study.trials.append(trial)
    space = {"x": FloatDistribution(0.0, 1.0)}
    at_once, slow = Evolution(), Evolution(most_seconds=9.0, clock=itertools.count().__next__)
    for evolution in (at_once, slow):
        evolution.look(study)
    expected = at_once.ask(space, None, 7)
    for left in (31, 22, 13, 4):
        with pytest.raises(StillReckoning, match=f"{left} trials are left"):
            slow.ask(space, None, 7)
    assert slow.ask(space, None, 7) == expected
    assert expected[1] == 10
