"""Where the best learning rate lies: a posterior along the rate, the other parameters held."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial

from lrtune.service.tuning.auto.evidence import Bools, Floats
from lrtune.service.tuning.suggesting.posterior.along import PLACES, Along, read_along
from lrtune.service.tuning.suggesting.posterior.near_best import clear_of_walls, interval_of, plateau

FEWEST_CURVES = 4
"""So many curves, whether they came to their end or not, make a posterior where fewer than two trials are complete."""

_CAUTION = 3.0
"""A rate counts by what is expected there and so many standard deviations of what is unknown: where nothing is noisy,
no rate is better known than one that was tried, and where all is, none than the middle of many."""

_AS_GOOD = 0.02
"""Of a standard deviation of the losses: rates within it of the best are as good, and the centre of them is taken."""

_LEANS = 0.1
"""The same for what lies so near the best that the loss may be falling on."""

_EDGE = 0.03
"""Of the range: so near its end is at it."""

_LIKELY = 0.5
"""How likely a rate must be to train without diverging, to lie in the interval."""

_ROUNDING = 1e-9

Side = Literal["low", "high"]


@dataclass(frozen=True)
class Posterior:
    """`learning_rate`: among those between the lowest and the highest rate that trained, the one with the lowest loss,
    cautiously read; `expected_loss` (lower is better) is expected there.

    `interval`: at 80 % some near-best rate lies in it. `share`: its part of the searched range, in logs. `at_bound`:
    the end of the range at which the loss is still falling; `beyond`: the same where nothing was tried near that end,
    nor diverged. `last_tried`: the lowest and the highest rate that trained.
    """

    learning_rate: float
    interval: tuple[float, float]
    expected_loss: float
    share: float
    at_bound: Side | None
    beyond: Side | None = None
    last_tried: tuple[float, float] | None = None


def posterior(
    trials: Sequence[FrozenTrial],
    distributions: Mapping[str, BaseDistribution],
    params: Mapping[str, Any],
    rate_name: str,
    *,
    maximizes: bool = False,
    max_steps: int | None = None,
) -> Posterior | None:
    """The posterior from `trials`: complete ones, pruned and running ones as far as their curves tell, diverged ones
    as evidence about where training is stable.

    Along the rate called `rate_name`, the other parameters as in `params`. None where the rate is not on a log scale,
    where the complete trials do not differ, or where there are fewer than two of them and fewer than `FEWEST_CURVES`
    curves. Up to 50 ms, whatever the number of parameters.
    """
    along = read_along(trials, distributions, params, rate_name, maximizes=maximizes, max_steps=max_steps)
    if along is None or not _enough(along):
        return None
    usable, possible = _usable(along)
    centre = clear_of_walls(along, _centre(along, usable))
    low, high = interval_of(along, centre, possible)
    expected = np.clip(np.interp([centre], PLACES, along.mean), along.shown.min(), along.shown.max())
    loss = float(along.scale.losses(expected)[0])
    bound, beyond = _leaning(along, usable)
    tried = along.tried
    return Posterior(
        along.rate(centre),
        (along.rate(low), along.rate(high)),
        loss,
        float(high - low),
        bound,
        beyond,
        (along.rate(float(tried.min())), along.rate(float(tried.max()))),
    )


def _enough(along: Along) -> bool:
    final_losses = along.evidence.final[along.evidence.finished]
    if len(final_losses) >= 2:
        return bool(np.ptp(final_losses) > 0)
    return len(along.known) >= FEWEST_CURVES and bool(np.ptp(along.shown) > 0)


def _usable(along: Along) -> tuple[Bools, Bools]:
    """Which of `PLACES` may be suggested, and which may lie in the interval: each (n,), at least one is true."""
    stable, tried = along.stable, along.tried
    # Whatever the boundary's model makes of a run that got through far above: these trained.
    stable = np.where(along.trained_below_all_diverged + _ROUNDING >= PLACES, 1.0, stable)
    between = (tried.min() - _ROUNDING <= PLACES) & (tried.max() + _ROUNDING >= PLACES)
    between[[int(np.rint(place * (len(PLACES) - 1))) for place in (tried.min(), tried.max())]] = True
    required = along.model.odds.stability.required(along.points)
    safe = stable >= np.minimum(required, stable[between].max())
    return safe & between, stable >= min(_LIKELY, float(stable.max()))


def _centre(along: Along, usable: Bools) -> float:
    """The place of the suggested rate: of a grid and of what was tried."""
    if not along.alone and np.interp(along.own, PLACES, usable) > 0.5:
        return along.own  # The best trial's: no other had these parameters.
    tried = along.tried
    places = np.unique(np.concatenate([PLACES[usable], tried[np.interp(tried, PLACES, usable) > 0.5]]))
    places = np.unique(np.clip(places, tried.min(), tried.max()))
    cautious = along.mean + _CAUTION * along.drawn.std(axis=1)
    centre, _, _ = plateau(np.interp(places, PLACES, cautious), places, _AS_GOOD)
    return _short_of_the_edge(centre, tried, along.diverged) if along.alone else centre


def _short_of_the_edge(centre: float, tried: Floats, diverged: Floats) -> float:
    """Between the last rate that trained and the next one, which diverged, nothing is suggested: where the loss falls
    up to the edge, that is where the model would go."""
    below, above = tried[tried <= centre], diverged[diverged >= centre]
    beyond = tried[tried > centre]
    if not len(below) or not len(above) or (len(beyond) and beyond.min() < above.min()):
        return centre
    return float(below.max())


def _leaning(along: Along, usable: Bools) -> tuple[Side | None, Side | None]:
    """The end of the range, or else of what was tried, at which the loss is still falling. What comes near the best at
    both ends leans on neither."""
    mean = np.where(usable, along.mean, np.inf)
    _, first, last = plateau(mean, PLACES, _LEANS)
    lowest, highest = float(along.tried.min()), float(along.tried.max())
    at_low, at_high = first < lowest + _EDGE, last > highest - _EDGE
    if at_low == at_high:
        return None, None
    if at_low:
        return ("low", None) if lowest < _EDGE else (None, "low")
    if highest > 1 - _EDGE:
        return "high", None
    return None, None if (along.diverged > highest).any() else "high"
