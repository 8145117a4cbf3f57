"""Full trainings by `auto` after a ladder: its own answer, and the usual posterior's, on small real trainings."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import optuna
from optuna.distributions import FloatDistribution
from optuna.trial import FrozenTrial, TrialState

from lrtune.service.tuning.auto import AutoSampler
from lrtune.service.tuning.auto.ladder.ladder import Training
from lrtune.service.tuning.auto.prior import quantiles_around
from tests.benchmarks.search.real import WITHIN
from tests.benchmarks.search.real_methods import Climb, answered, centre_for, seed_of
from tests.benchmarks.search.real_tables import Table
from tests.benchmarks.suggestion.table import as_kept, suggest_after

FURTHER = (2, 4, 6, 8, 14)
_NAME = "learning_rate"


@dataclass(frozen=True)
class After:
    """An answer: whether it came within 1.1 times the best loss, and whether its interval holds the best rate."""

    within: bool
    covered: bool


def answers_after(table: Table, seed: int, further: Sequence[int]) -> list[tuple[After, After]]:
    """The ladder's answer and the usual one after each of so many further full trainings, each of another seed than the
    one before it."""
    centre, climb, place = centre_for(table, seed, "history, test"), Climb(), seed_of(table, seed)
    low, high = climb.bounds_of(table)
    trained = climb(table, centre, lambda rate, steps: table.train(rate, steps, place))
    study = optuna.create_study(sampler=_sampler(table, seed, low, high))
    space = FloatDistribution(low, high, log=True)
    for one in trained:
        if one.steps == table.max_steps:
            assert one.loss is not None
            study.add_trial(_trial({_NAME: one.learning_rate}, one.loss, space))
    found = []
    for count in range(1, max(further) + 1):
        trial = study.ask({_NAME: space})
        loss = table.train(trial.params[_NAME], table.max_steps, seed_of(table, seed + count))
        trained.append(Training(trial.params[_NAME], table.max_steps, loss, ours=False))
        _tell(study, trial, loss)
        if count in further:
            ladder = answered(table, trained, centre, (low, high))
            usual = suggest_after([as_kept(one) for one in study.get_trials()], low, high)
            found.append(
                (
                    _judge(table, ladder.learning_rate, ladder.interval),
                    _judge(table, usual.learning_rate, usual.interval),
                )
            )
    return found


def shares_after(tables: Sequence[Table], seeds: int, further: Sequence[int] = FURTHER) -> list[tuple[str, ...]]:
    """A line for each number of further trainings: both answers' shares within 1.1 times the best, and what their
    intervals cover."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    found = [answers_after(table, seed, further) for table in tables for seed in range(seeds)]
    lines = []
    for place, count in enumerate(further):
        shares = [
            f"{np.mean([getattr(pair[place][side], what) for pair in found]):.0%}"
            for side in (0, 1)
            for what in ("within", "covered")
        ]
        lines.append((str(count), *shares))
    return lines


def _sampler(table: Table, seed: int, low: float, high: float) -> AutoSampler:
    if table.history is None:
        return AutoSampler(seed=seed)
    return AutoSampler(seed=seed, rate_quantiles=quantiles_around([table.history], low, high).tolist())


def _trial(params: dict[str, float], loss: float, space: FloatDistribution) -> FrozenTrial:
    finite = bool(np.isfinite(loss))
    return optuna.trial.create_trial(
        state=TrialState.COMPLETE if finite else TrialState.FAIL,
        value=loss if finite else None,
        params=params,
        distributions={_NAME: space},
    )


def _tell(study: optuna.Study, trial: optuna.Trial, loss: float) -> None:
    finite = bool(np.isfinite(loss))
    study.tell(trial, loss if finite else None, state=TrialState.COMPLETE if finite else TrialState.FAIL)


def _judge(table: Table, rate: float | None, interval: tuple[float, float] | None) -> After:
    assert rate is not None
    assert interval is not None
    low, high = interval
    covered = low * (1 - 1e-9) <= table.best_rate <= high * (1 + 1e-9)
    return After(table.over_best(rate) <= WITHIN[0] + 1e-9, covered)
