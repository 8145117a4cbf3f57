"""Whether a study's learning rate has made any difference: `rates.no_difference` on its trials."""

import math
from dataclasses import dataclass

import numpy as np
from optuna.trial import TrialState

from lrtune.service.rates.no_difference import FEWEST, depends_on_rate
from lrtune.service.tuning.auto.space import Space
from lrtune.service.tuning.suggesting.seen import Seen

_MOST = 100
"""The latest so many trials are looked at."""

_LARGEST = 1e100


@dataclass(frozen=True)
class Indifferent:
    """The learning rate of that name made no difference in so many trials, at rates from `low` to `high`."""

    name: str
    trials: int
    low: float
    high: float

    @property
    def decades(self) -> float:
        """How far apart the rates are."""
        return math.log10(self.high / self.low)

    def between(self, rate: float) -> tuple[float, float]:
        """The rates that will all do as well, this one among them."""
        return min(self.low, rate), max(self.high, rate)


def made_no_difference(seen: Seen) -> Indifferent | None:
    """Where the learning rate made no difference; None where it may have made one. A run that diverged is a difference;
    one that was stopped early was no better than the worst."""
    name = seen.name
    if name is None or seen.diverged:
        return None
    trials = [trial for trial in seen.trials if trial.params.get(name, 0) > 0][-_MOST:]
    complete = np.array([trial.state is TrialState.COMPLETE for trial in trials], dtype=bool)
    if complete.sum() < FEWEST:
        return None
    rates = np.array([float(trial.params[name]) for trial in trials])
    sign = -1.0 if seen.maximizes else 1.0
    losses = np.array(
        [sign * trial.values[0] if done else -np.inf for trial, done in zip(trials, complete, strict=True)]
    )
    losses[~complete] = losses.max()
    space = Space({other: d for other, d in seen.distributions.items() if other != name})
    others = space.encode_all([trial.params for trial in trials])
    if np.abs(losses).max() > _LARGEST or depends_on_rate(rates, losses, others):
        return None
    return Indifferent(name, len(trials), float(rates.min()), float(rates.max()))
