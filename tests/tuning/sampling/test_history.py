"""What an ask reads under the lock does not grow with the history, whatever the sampler."""

from typing import Any

import pytest
from optuna.study import StudyDirection
from optuna.trial import TrialState

from lrtune.service.storage.memory.study import StudyMirror, TrialMirror
from lrtune.service.tuning.sampling.draw import draw
from lrtune.service.tuning.sampling.snapshots import snapshot_for
from lrtune.service.tuning.state.space.distributions import study_distributions
from lrtune.service.wire.studies import NewStudy

SPACE: dict[str, Any] = {
    "learning_rate": {"type": "float", "low": 1e-5, "high": 1.0, "log": True},
    "depth": {"type": "int", "low": 1, "high": 9},
    "optimizer": {"type": "categorical", "choices": ["sgd", "adam"]},
}
COARSE = {f"x{index}": {"type": "int", "low": 0, "high": 99} for index in range(4)}


def study_of(spec: NewStudy, count: int) -> StudyMirror:
    study = StudyMirror(1, "s", [StudyDirection.MINIMIZE], spec=spec)
    distributions = dict(study_distributions(study))
    space = spec.search_space
    for number in range(count):
        trial = TrialMirror(number + 1, number, TrialState.COMPLETE, distributions=distributions)
        trial.params = {"learning_rate": 1e-3 + number / 1e6, "depth": 1 + number % 9, "optimizer": "sgd"}
        if "depth" not in space:
            trial.params = {name: number // 100**place % 100 for place, name in enumerate(space)}
        trial.values, trial.finished_at = [float(number % 97)], float(number)
        trial.system_attrs = {"cma:generation": number // 7}
        study.trials.append(trial)
    study.ranking = sorted((trial.values[0], trial.number) for trial in study.trials if trial.values)
    study.tally.outcomes["complete"] = count
    return study


@pytest.mark.parametrize("sampler", ["auto", "tpe", "gp", "cmaes", "qmc", "random", "grid", "bruteforce"])
def test_a_sampler_is_shown_no_more_of_a_long_history_than_of_a_short_one(sampler: str) -> None:
    space = COARSE if sampler == "bruteforce" else SPACE
    spec = NewStudy.model_validate({"name": "s", "search_space": space, "sampler": {"name": sampler}})
    shown = [len(snapshot_for(spec, study_of(spec, count)).trials) for count in (300, 3_000)]
    assert max(shown) <= 220


def test_a_grid_of_any_size_is_walked_point_by_point_without_being_listed() -> None:
    spec = NewStudy.model_validate({"name": "s", "search_space": COARSE, "sampler": {"name": "bruteforce"}})
    study = study_of(spec, 500)
    seen = {tuple(trial.params.values()) for trial in study.trials}
    for _ in range(500):
        number = len(study.trials)
        point = draw(spec, snapshot_for(spec, study), number, number + 1)
        seen.add(tuple(point.params[name] for name in COARSE))
        study.trials.append(TrialMirror(number + 1, number, TrialState.FAIL, params=point.params))
    assert len(seen) == 1_000
    firsts = {trial.params["x0"] for trial in study.trials[500:]}
    assert len(firsts) > 50, "in an order that shows all of the space early"


def test_a_place_in_the_sequence_that_cannot_be_is_not_looked_for() -> None:
    spec = NewStudy.model_validate({"name": "s", "search_space": SPACE, "sampler": {"name": "qmc"}})
    study = study_of(spec, 10)
    key = next(iter(draw(spec, snapshot_for(spec, study), 10, 11).written.study_attrs))
    for planted in (2**40, -5, "9", None, True):
        study.system_attrs = {key: planted}
        written = draw(spec, snapshot_for(spec, study), 10, 11).written.study_attrs
        assert written[key] <= 11
