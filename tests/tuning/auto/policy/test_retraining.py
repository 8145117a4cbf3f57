"""Trials of many parameters that cannot be paused: stopped at rungs, and trained again when they lead."""

from collections.abc import Callable

import numpy as np
import optuna
import pytest
from optuna.study import StudyDirection
from optuna.trial import TrialState

from lrtune.service.storage.schema.attributes import AGAIN_ATTR, TRAINS_TO_ATTR, WHOLE_ATTR
from lrtune.service.tuning import AutoPruner, AutoSampler
from lrtune.service.tuning.auto.evidence import FRACTIONS, Evidence
from lrtune.service.tuning.auto.policy import rungs
from lrtune.service.tuning.auto.policy.retraining import furthest_runs
from lrtune.service.tuning.auto.pruner import replay

optuna.logging.set_verbosity(optuna.logging.ERROR)
STEPS = 50
CENTRE = {"x": 0.3, "y": 0.6, "z": 0.5}


def floor_of(params: dict[str, float]) -> float:
    return sum((params[name] - centre) ** 2 for name, centre in CENTRE.items() if name in params)


def train(trial: optuna.Trial, sign: float = 1.0) -> float:
    """Early ranks hold: the loss falls to a floor that the parameters set."""
    for name in CENTRE:
        trial.suggest_float(name, 0, 1)
    floor = floor_of(trial.params)
    for step in range(1, STEPS + 1):
        trial.report(sign * (floor + 1 / step), step)
        if trial.should_prune():
            raise optuna.TrialPruned
    return sign * (floor + 1 / STEPS)


def search(
    trials: int, objective: Callable[[optuna.Trial], float] = train, seed: int = 0, **options: object
) -> optuna.Study:
    pruner = AutoPruner(max_steps=STEPS, **options)  # type: ignore[arg-type]
    study = optuna.create_study(sampler=AutoSampler(seed=seed), pruner=pruner)
    study.optimize(objective, n_trials=trials)
    return study


def again(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    return [t for t in study.trials if AGAIN_ATTR in t.system_attrs]


@pytest.fixture(scope="module")
def searched() -> optuna.Study:
    return search(150)


def test_the_first_twelve_stop_early_and_the_best_of_them_is_trained_again(searched: optuna.Study) -> None:
    first = searched.trials[:12]
    assert {t.last_step for t in first} == {3}
    best = min(first, key=lambda t: floor_of(t.params))
    assert searched.trials[12].params == best.params
    assert searched.trials[12].system_attrs[AGAIN_ATTR] == best.number


def test_each_goes_further_than_the_one_it_trains_again_or_leads_no_more(searched: optuna.Study) -> None:
    assert len(again(searched)) >= 5
    for trial in again(searched):
        earlier = [t for t in searched.trials[: trial.number] if t.params == trial.params]
        assert earlier[0].number == trial.system_attrs[AGAIN_ATTR]
        assert (trial.last_step or 0) > max(t.last_step or 0 for t in earlier)
        assert all(t.state is TrialState.PRUNED for t in earlier)


def test_steps_are_saved_and_the_optimum_is_found(searched: optuna.Study) -> None:
    trained = sum(t.last_step or 0 for t in searched.trials)
    assert trained < 0.3 * 150 * STEPS
    assert searched.best_trial.state is TrialState.COMPLETE
    assert floor_of(searched.best_params) < 0.02


def test_the_same_seed_gives_the_same_trials(searched: optuna.Study) -> None:
    assert [t.params for t in search(30).trials] == [t.params for t in searched.trials[:30]]


def test_a_maximized_study_is_searched_alike(searched: optuna.Study) -> None:
    study = optuna.create_study(sampler=AutoSampler(seed=0), pruner=AutoPruner(max_steps=STEPS), direction="maximize")
    study.optimize(lambda trial: train(trial, -1.0), n_trials=30)
    assert [t.params for t in study.trials] == [t.params for t in searched.trials[:30]]


def test_a_trial_in_training_is_not_trained_again_by_another_worker() -> None:
    study = search(12)
    space = {name: optuna.distributions.FloatDistribution(0, 1) for name in CENTRE}
    asked = [study.ask(space) for _ in range(8)]
    taken = [t.system_attrs[AGAIN_ATTR] for t in again(study)]
    assert len(taken) >= 2
    assert len(taken) == len(set(taken))
    points = np.array([[t.params[name] for name in CENTRE] for t in asked])
    assert len(np.unique(points, axis=0)) == 8


def test_one_that_fails_by_accident_is_trained_again_once_more_and_then_left_alone() -> None:
    study = search(12)
    space = {name: optuna.distributions.FloatDistribution(0, 1) for name in CENTRE}
    asked = []
    for _ in range(3):
        trial = study.ask(space)
        trial.report(1.0, 1)
        study.tell(trial, state=TrialState.FAIL)
        asked.append(trial)
    assert asked[1].params == asked[0].params
    assert asked[2].params != asked[0].params


def test_where_trials_are_the_budget_none_is_trained_again() -> None:
    study = search(40, max_trials=40)
    assert not again(study)
    assert len({tuple(t.params.values()) for t in study.trials}) == 40


def test_where_the_rate_is_all_there_is_none_is_trained_again() -> None:
    def objective(trial: optuna.Trial) -> float:
        floor = abs(np.log10(trial.suggest_float("learning_rate", 1e-6, 1, log=True)) + 2)
        for step in range(1, STEPS + 1):
            trial.report(floor + 1 / step, step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return float(floor)

    study = search(20, objective)
    assert not again(study)
    assert {t.state for t in study.trials} == {TrialState.COMPLETE}


def test_other_samplers_are_raced_as_ever() -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0), pruner=AutoPruner(max_steps=STEPS))
    study.optimize(train, n_trials=20)
    assert all(TRAINS_TO_ATTR not in t.system_attrs for t in study.trials)


def test_enqueued_points_are_trained_as_they_are() -> None:
    study = search(12)
    study.enqueue_trial({"x": 0.31, "y": 0.61})
    study.optimize(train, n_trials=1)
    assert (study.trials[12].params["x"], study.trials[12].params["y"]) == (0.31, 0.61)
    assert not again(study)


def test_conditional_parameters_are_trained_again_with_the_others() -> None:
    def objective(trial: optuna.Trial) -> float:
        trial.suggest_float("x", 0, 1)
        if trial.suggest_categorical("optimizer", ["sgd", "adam"]) == "sgd":
            trial.suggest_float("z", 0, 1)
        trial.suggest_float("y", 0, 1)
        for step in range(1, STEPS + 1):
            trial.report(floor_of(trial.params) + 1 / step, step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return floor_of(trial.params)

    study = search(50, objective)
    assert again(study)
    for trial in again(study):
        assert trial.params == study.trials[trial.system_attrs[AGAIN_ATTR]].params


def test_where_early_ranks_are_the_reverse_of_late_ones_trials_are_trained_to_their_end() -> None:
    def objective(trial: optuna.Trial) -> float:
        for name in CENTRE:
            trial.suggest_float(name, 0, 1)
        floor = floor_of(trial.params)
        for step in range(1, STEPS + 1):
            trial.report(floor * (2 * step / STEPS - 1) + 1 - step / STEPS, step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return floor

    study = search(80, objective)
    late = study.trials[60:]
    assert sum(t.state is TrialState.COMPLETE for t in late) > len(late) / 2
    assert floor_of(study.best_params) < 0.05


def test_the_furthest_of_the_same_stands_for_all() -> None:
    study = search(30)
    kept = furthest_runs(study.trials)
    points = [tuple(t.params.values()) for t in kept]
    assert len(points) == len(set(points))
    assert set(points) == {tuple(t.params.values()) for t in study.trials}
    for trial in kept:
        assert trial.last_step == max(t.last_step or 0 for t in study.trials if t.params == trial.params)


def test_a_replay_says_at_which_rung_a_trial_would_have_stopped(searched: optuna.Study) -> None:
    worst = max(searched.trials[:12], key=lambda t: floor_of(t.params))
    others = [t for t in searched.trials if t is not worst]
    found = replay(others, worst, StudyDirection.MINIMIZE, STEPS)
    assert found is not None
    assert found[0] == 3
    assert "the best third goes on" in found[1]
    whole = next(t for t in searched.trials if WHOLE_ATTR in t.system_attrs)
    assert replay(others, whole, StudyDirection.MINIMIZE, STEPS) is None


def of(early: np.ndarray, finished: bool) -> Evidence:
    count = len(early)
    curves = np.where(np.arange(len(FRACTIONS)) <= (11 if finished else 2), early[:, None] - 0.1 * FRACTIONS, np.nan)
    final = curves[:, -1]
    return Evidence(np.full((count, 3), 0.5), curves, final, np.zeros(count, dtype=bool))


def at(value: float, checkpoint: int = 2) -> np.ndarray:
    return np.where(np.arange(len(FRACTIONS)) <= checkpoint, value, np.nan)


def test_at_a_rung_the_best_third_goes_on_and_the_reason_says_so() -> None:
    others = of(np.linspace(1.0, 2.0, 29), finished=True)
    calls = [rungs.judge(others, at(value), 0.06, STEPS) for value in np.linspace(0.9, 2.1, 13)]
    assert [call.stop for call in calls] == sorted(call.stop for call in calls)
    assert sum(not call.stop for call in calls) == 5
    assert (
        calls[-1].explanation
        == "At step 3 of 50 its rank is 30 of 30: the best third goes on, and the others when they come to lead."
    )


def test_a_trial_trains_as_far_as_it_earned() -> None:
    others = of(np.linspace(1.0, 2.0, 29), finished=True)
    told = [rungs.judge(others, at(3.0, checkpoint), 0.22, STEPS) for checkpoint in (2, 4, 6)]
    assert [call.stop for call in told] == [False, False, True]
    assert "it may train to step 11" in told[0].explanation


def test_in_a_training_of_ten_steps_rungs_that_fall_onto_one_step_are_one() -> None:
    others = of(np.linspace(1.0, 2.0, 29), finished=True)
    assert rungs.judge(others, at(3.0, 5), 0.06, 10).stop
    assert not rungs.judge(others, at(0.5, 5), 0.06, 10).stop
    assert [rungs.decides(checkpoint, 0.06, 10) for checkpoint in (5, 6, 7, 8, 9, 10)] == [
        True, True, False, True, False, False,
    ]  # fmt: skip
