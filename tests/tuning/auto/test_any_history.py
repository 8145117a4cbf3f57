"""The sampler and the pruner over whatever history a user's own script leaves behind."""

import math
from collections.abc import Mapping
from typing import Any

import optuna
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.pruners import BasePruner, NopPruner
from optuna.trial import FrozenTrial, TrialState, create_trial

from lrtune.service.storage.schema.attributes import AGAIN_ATTR, DIVERGED_ATTR, TRAINS_TO_ATTR, WHOLE_ATTR
from lrtune.service.tuning import AutoPruner, AutoSampler

optuna.logging.set_verbosity(optuna.logging.ERROR)

PARAMETERS: dict[str, BaseDistribution] = {
    "learning_rate": FloatDistribution(1e-5, 1.0, log=True),
    "momentum": FloatDistribution(0.0, 0.99),
    "layers": IntDistribution(1, 6),
    "width": IntDistribution(1, 512, log=True),
    "dropout": FloatDistribution(0.0, 0.5, step=0.1),
    "optimizer": CategoricalDistribution(["sgd", "adam", None, True]),
    "epochs": IntDistribution(3, 3),
}
FINITE = st.floats(0.0, 3.0)
LOSSES = st.one_of(FINITE, st.sampled_from([0.0, -1.0, 1e-300, 1e300, -1e308, 1.7e308, math.inf, -math.inf, math.nan]))
STATES = [TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL, TrialState.RUNNING, TrialState.WAITING]
STEPS = st.one_of(
    st.sampled_from([0, 1, 9, 10, 12]).map(lambda last: list(range(1, last + 1))),
    st.integers(0, 12).map(lambda last: list(range(last))),
    st.lists(st.integers(0, 40), unique=True, max_size=8),
)


@st.composite
def values(draw: st.DrawFn, distribution: BaseDistribution) -> Any:
    if isinstance(distribution, CategoricalDistribution):
        return draw(st.sampled_from(distribution.choices))
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    low, high = distribution.low, distribution.high
    if isinstance(distribution, IntDistribution):
        return draw(st.integers(low, high))
    if distribution.step is not None:
        return round(low + distribution.step * draw(st.integers(0, 5)), 10)
    return draw(st.one_of(st.sampled_from([low, high]), st.floats(low, high)))


@st.composite
def trials(draw: st.DrawFn, space: Mapping[str, BaseDistribution], *, plain: bool) -> FrozenTrial:
    """One trial; a `plain` one has all parameters, no marks and a finite curve, whatever its state."""
    state = draw(st.sampled_from([TrialState.PRUNED, TrialState.PRUNED, TrialState.COMPLETE] if plain else STATES))
    losses = FINITE if plain else LOSSES
    names = [name for name in space if plain or draw(st.integers(0, 9))]
    reported = {step: draw(losses) for step in draw(STEPS)}
    marks: dict[str, Any] = {
        DIVERGED_ATTR: 1.0,
        WHOLE_ATTR: True,
        AGAIN_ATTR: draw(st.integers(0, 40)),
        TRAINS_TO_ATTR: draw(st.sampled_from([0.0, 0.06, 0.22, 1.0, 2.0])),
    }
    attrs = {name: mark for name, mark in marks.items() if not plain and not draw(st.integers(0, 5))}
    value = draw(losses.filter(lambda loss: not math.isnan(loss)))
    return create_trial(
        state=state,
        value=value if state is TrialState.COMPLETE else None,
        params={name: draw(values(space[name])) for name in names},
        distributions={name: space[name] for name in names},
        intermediate_values=reported,
        system_attrs=attrs,
    )


@st.composite
def studies(draw: st.DrawFn) -> tuple[optuna.Study, Mapping[str, BaseDistribution]]:
    """A study with a history, under any `AutoSampler` and pruner, and its space."""
    names = draw(st.lists(st.sampled_from(sorted(PARAMETERS)), unique=True, min_size=1, max_size=4))
    space = {name: PARAMETERS[name] for name in names}
    max_steps = draw(st.sampled_from([10, None, 1, 12, 100]))
    max_trials = draw(st.sampled_from([None, None, 50]))
    auto = AutoPruner(max_steps=max_steps, max_trials=max_trials)
    pruner: BasePruner = auto if draw(st.sampled_from([True, True, False])) else NopPruner()
    study = optuna.create_study(
        sampler=AutoSampler(seed=0, max_steps=max_steps, failed_counts=draw(st.booleans())),
        pruner=pruner,
        direction=draw(st.sampled_from(["minimize", "maximize"])),
    )
    kinds = draw(st.lists(trials(space, plain=draw(st.booleans())), min_size=1, max_size=8))
    for number in range(draw(st.sampled_from([1, 13, 30]))):
        study.add_trial(kinds[number % len(kinds)])
    return study, space


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(studies(), st.lists(LOSSES, max_size=12))
def test_no_history_makes_the_sampler_or_the_pruner_fail(
    made: tuple[optuna.Study, Mapping[str, BaseDistribution]], losses: list[float]
) -> None:
    study, space = made
    for _ in range(3):
        trial = study.ask(dict(space))
        for name, distribution in space.items():
            assert distribution._contains(distribution.to_internal_repr(trial.params[name]))
        for step, loss in enumerate(losses, 1):
            trial.report(loss, step)
            trial.should_prune()


@pytest.mark.parametrize("steps", [10, 12])
def test_a_script_that_prunes_trials_with_whole_curves_of_its_own_accord_is_searched_to_its_end(steps: int) -> None:
    study = optuna.create_study(sampler=AutoSampler(seed=0, max_steps=10), pruner=AutoPruner(max_steps=10))

    def objective(trial: optuna.Trial) -> float:
        rate = trial.suggest_float("learning_rate", 1e-5, 1, log=True)
        momentum = trial.suggest_float("momentum", 0, 0.99)
        loss = math.inf
        for step in range(1, steps + 1):
            loss = 0.1 + 0.3 * (math.log10(rate) + 2.5) ** 2 + momentum * 0.1 + 1 / step
            trial.report(loss, step)
            if trial.should_prune():
                raise optuna.TrialPruned
        raise optuna.TrialPruned

    study.optimize(objective, n_trials=40)
    assert len(study.trials) == 40
    best = min(min(trial.intermediate_values.values()) for trial in study.trials)
    assert best < 0.1 + 1 / steps + 0.05


def test_values_enqueued_outside_their_bounds_do_not_end_the_search() -> None:
    study = optuna.create_study(sampler=AutoSampler(seed=0))
    for rate, momentum in ((10.0, math.inf), (1e-9, -3.0), (math.inf, 2.0), (1e-300, 0.5)):
        study.enqueue_trial({"learning_rate": rate, "momentum": momentum})
    for _ in range(20):
        trial = study.ask({name: PARAMETERS[name] for name in ("learning_rate", "momentum")})
        study.tell(trial, abs(trial.params["momentum"] - 0.5) if trial.number > 3 else 1.0)
    assert all(1e-5 <= trial.params["learning_rate"] <= 1.0 for trial in study.trials[4:])
