"""The sampler in plain Optuna scripts."""

import math

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState

from lrtune.service.tuning import AutoSampler
from lrtune.service.tuning.auto.prior import quantiles_around

optuna.logging.set_verbosity(optuna.logging.ERROR)
RATES = optuna.distributions.FloatDistribution(1e-6, 1.0, log=True)


def bowl(rate: float) -> float:
    return (math.log10(rate) + 2.3) ** 2


def run(seed: int, trials: int = 10, **options: object) -> optuna.Study:
    study = optuna.create_study(sampler=AutoSampler(seed=seed))
    study.optimize(lambda trial: bowl(trial.suggest_float("lr", 1e-6, 1.0, log=True)), n_trials=trials)
    return study


@pytest.mark.parametrize("seed", range(3))
def test_ten_trials_find_the_rate_within_a_tenth_of_a_decade(seed: int) -> None:
    assert abs(math.log10(run(seed).best_params["lr"]) + 2.3) < 0.1


def test_the_same_seed_gives_the_same_trials_even_if_the_sampler_is_made_anew_for_each() -> None:
    study = optuna.create_study()
    for _ in range(8):
        study.sampler = AutoSampler(seed=5)
        trial = study.ask({"lr": RATES})
        study.tell(trial, bowl(trial.params["lr"]))
    assert [t.params for t in study.trials] == [t.params for t in run(5, trials=8).trials]
    assert [t.params for t in study.trials] != [t.params for t in run(6, trials=8).trials]


def test_trials_asked_for_at_once_differ() -> None:
    study = run(0, trials=6)
    rates = [math.log10(study.ask({"lr": RATES}).params["lr"]) for _ in range(6)]
    assert min(np.diff(sorted(rates))) > 0.15


def test_a_maximized_study_is_searched_alike() -> None:
    study = optuna.create_study(sampler=AutoSampler(seed=0), direction="maximize")
    study.optimize(lambda trial: -bowl(trial.suggest_float("lr", 1e-6, 1.0, log=True)), n_trials=10)
    assert [t.params for t in study.trials] == [t.params for t in run(0).trials]


def past_the_edge(trial: optuna.Trial) -> float:
    """The larger the better, up to 0.1."""
    rate = trial.suggest_float("learning_rate", 1e-5, 10.0, log=True)
    return math.nan if rate > 0.1 else -0.3 * math.log10(rate / 0.1)


@pytest.mark.parametrize("seed", range(3))
def test_at_most_3_of_the_last_40_of_60_trials_go_past_a_stability_edge(seed: int) -> None:
    study = optuna.create_study(sampler=AutoSampler(seed=seed))
    study.optimize(past_the_edge, n_trials=60)
    assert sum(t.params["learning_rate"] > 0.1 for t in study.trials[20:]) <= 3
    assert study.best_value < 0.02


def test_a_nan_report_before_a_prune_counts_as_diverged_and_failures_at_any_rate_do_not() -> None:
    def rates_after(
        state: TrialState,
        report: float | None,
        sampler: AutoSampler,
        lost: tuple[float, ...] = (0.2, 0.3, 0.5, 0.7, 0.9),
    ) -> list[float]:
        study = optuna.create_study(sampler=sampler)
        for rate in (1e-4, 1e-3, 1e-2):
            study.add_trial(_trial(rate, TrialState.COMPLETE, bowl(rate), None))
        for rate in lost:
            study.add_trial(_trial(rate, state, None, report))
        found = []
        for _ in range(8):
            trial = study.ask({"lr": RATES})
            found.append(trial.params["lr"])
        return found

    pruned = rates_after(TrialState.PRUNED, math.nan, AutoSampler(seed=0))
    by_accident = (3e-6, 3e-4, 3e-3, 0.03, 0.5)
    failed = rates_after(TrialState.FAIL, None, AutoSampler(seed=0, failed_counts=False), by_accident)
    beyond = rates_after(TrialState.FAIL, None, AutoSampler(seed=0, failed_counts=False))
    assert max(pruned) < 0.2
    assert max(failed) > 0.2
    assert max(beyond) < 0.2, "what fails at large rates alone fails by them"


def _trial(rate: float, state: TrialState, value: float | None, report: float | None) -> optuna.trial.FrozenTrial:
    reports = {} if report is None else {1: report}
    return optuna.trial.create_trial(
        state=state, value=value, params={"lr": rate}, distributions={"lr": RATES}, intermediate_values=reports
    )


def test_conditional_and_categorical_spaces_are_searched() -> None:
    def objective(trial: optuna.Trial) -> float:
        sgd = trial.suggest_categorical("optimizer", ["sgd", "adam"]) == "sgd"
        momentum = trial.suggest_float("momentum", 0, 0.99) if sgd else 0.5
        layers = trial.suggest_int("layers", 1, 6)
        rate = trial.suggest_float("learning_rate", 1e-5, 1.0, log=True)
        return abs(math.log10(rate) + (1.0 if sgd else 3.0)) + abs(layers - 3) * 0.3 + abs(momentum - 0.9) * sgd

    mean = {}
    for name in ("auto", "random"):
        found = []
        for seed in range(4):
            sampler = AutoSampler(seed=seed) if name == "auto" else optuna.samplers.RandomSampler(seed=seed)
            study = optuna.create_study(sampler=sampler)
            study.optimize(objective, n_trials=30)
            found.append(study.best_value)
        mean[name] = float(np.mean(found))
    assert mean["auto"] < 0.7 * mean["random"]


def test_a_prior_on_the_rate_moves_the_first_trials_to_it() -> None:
    quantiles = quantiles_around([1e-3], 1e-6, 1.0, decades=0.5).tolist()
    study = optuna.create_study(sampler=AutoSampler(seed=0, rate_quantiles=quantiles))
    study.optimize(lambda trial: bowl(trial.suggest_float("lr", 1e-6, 1.0, log=True)), n_trials=3)
    assert all(1e-4 < t.params["lr"] < 1e-2 for t in study.trials)
    with pytest.raises(ValueError, match="at least one rate"):
        quantiles_around([], 1e-6, 1.0)
