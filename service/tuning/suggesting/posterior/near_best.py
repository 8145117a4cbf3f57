"""What comes near the best: the plateau of a function, and the interval in which some near-best rate lies."""

import numpy as np

from lrtune.service.rates.valley import nearest_valleys
from lrtune.service.tuning.auto.evidence import Bools, Floats
from lrtune.service.tuning.suggesting.posterior.along import PLACES, Along

_LEVEL = 0.8
"""How likely it is that some near-best rate lies in the interval."""

_NEAR_BEST = 0.1
"""How far above its minimum a function still comes near it, in standard deviations of the losses."""

_ALIKE = 0.05
"""Of the best loss: what differs from it by less comes near it, and was tried: its rate lies in the interval."""

_OF_GAP = 1 / 3
"""How far the interval goes on towards the next rate tried, at least: between the two a function may do what no other
place tells of, such as jump or have a needle."""

_WALL, _BY_CHANCE = 0.5, 3.0
"""A measured rate is clearly worse from so many standard deviations of the losses on, and so many times the difference
that noise makes."""

_WALL_TIMES = 3.0
"""Or at so many times the best loss."""

_FAR_TIMES = 1e3
"""Whatever is worse than so many times the best is taken to be so many times as bad: sums of squares hold no more."""

_FOR_NOISE = 5
"""So many of the best trials tell the noise there, at least."""

_ROUNDING = 1e-9
_OUTSIDE, _INSIDE = 1e-6, 1e-7
"""What is clearly worse lies outside by so much, the best trial's rate inside by so much."""

_LEAST = 0.003
"""Of the range, to each side: no rate is known better."""


def plateau(mean: Floats, places: Floats, near: float) -> tuple[float, float, float]:
    """The connected set around the minimum of `mean` (n,) that comes as `near` it: its centre, weighed by how near, and
    its ends."""
    lowest = first = last = int(mean.argmin())
    limit = mean[lowest] + near
    while first > 0 and mean[first - 1] <= limit:
        first -= 1
    while last < len(mean) - 1 and mean[last + 1] <= limit:
        last += 1
    some = slice(first, last + 1)
    # Where places stand close they count for less: each for what lies nearest to it.
    halves = np.diff(places[some]) / 2
    weights = (limit - mean[some]) * (np.append(halves, 0.0) + np.append(0.0, halves)) if len(halves) else np.ones(1)
    centre = places[some] @ weights / weights.sum() if weights.sum() > 0 else places[lowest]
    return float(centre), float(places[first]), float(places[last])


def interval_of(along: Along, centre: float, possible: Bools) -> tuple[float, float]:
    """Low and high end, as places of the range, around the suggested `centre`; of `possible` (n,) places only.

    The shortest that comes across the near-best sets of 80 % of the functions; wider as far as rates were tried that
    come near the best, and into the gaps beside it; no wider than what was measured to be clearly worse.
    """
    low, high = _shortest(np.where(possible[:, None], along.drawn, np.inf))
    best, near = _near_the_best(along, centre)
    below, above = _walls(along, centre)
    ends = np.array([_into_the_gaps(along, place) for place in (centre, best)])
    low = max(min(low - _LEAST, float(near.min()), float(ends.min())), below, 0.0)
    high = min(max(high + _LEAST, float(near.max()), float(ends.max())), above, 1.0)
    return max(min(low, best - _INSIDE), 0.0), min(max(high, best + _INSIDE), 1.0)


def clear_of_walls(along: Along, centre: float) -> float:
    """The suggested `centre`; the best trial's own place where one between the two, or the one next to the centre, was
    measured to be clearly worse: over many decades of losses the process, which looks at their spread, does not tell
    the small ones apart."""
    ended = along.evidence.finished[along.known]
    if not along.alone or not ended.any():
        return centre
    places = along.tried[ended]
    best = float(places[along.evidence.final[along.known[ended]].argmin()])
    below, above = _walls(along, best)
    nearest = float(places[np.abs(places - centre).argmin()])
    return centre if below < centre < above and below - _OUTSIDE < nearest < above + _OUTSIDE else best


def _into_the_gaps(along: Along, place: float) -> tuple[float, float]:
    """Some of the way to the next rates that were tried on both sides of a `place`; all of it where no trial is
    complete."""
    seen = np.concatenate([along.tried, along.diverged])
    before = seen[seen < place - _LEAST].max(initial=-np.inf)
    after = seen[seen > place + _LEAST].min(initial=np.inf)
    share = _OF_GAP if along.evidence.finished.any() else 1.0
    left, right = (share * gap if np.isfinite(gap) else 0.0 for gap in (place - before, after - place))
    return place - max(left, _LEAST), place + max(right, _LEAST)


def _near_the_best(along: Along, centre: float) -> tuple[float, Floats]:
    """Where the best trial is, and where those (m,) are whose losses differ from its by no more than noise makes them,
    or by a twentieth: complete ones where there are any. In several parameters other trials, with other ones, say
    little of the rate: there both are `centre`."""
    if not along.alone:
        return centre, np.array([centre])
    ended = along.evidence.finished[along.known]
    some = ended if ended.any() else np.ones_like(ended)
    places, shown, losses = along.tried[some], along.shown[some], along.evidence.final[along.known[some]]
    near = shown <= shown.min() + along.noise + along.unknown[some]
    if ended.any() and losses.min() > 0:
        near |= losses <= (1 + _ALIKE) * losses.min()
    return float(places[shown.argmin()]), places[near]


def _shortest(drawn: Floats) -> tuple[float, float]:
    """The shortest interval in which so many of the functions `drawn` (n, draws) come near their minima."""
    near = drawn <= drawn.min(axis=0) + _NEAR_BEST
    count = len(near)
    places = np.where(near, np.arange(count)[:, None], count)
    following = np.minimum.accumulate(places[::-1], axis=0)[::-1]  # The next near-best place from each on.
    needed = int(np.ceil(_LEVEL * near.shape[1])) - 1
    ends = np.partition(following, needed, axis=1)[:, needed]
    first = int(np.argmin(np.where(ends < count, ends - np.arange(count), count)))
    return float(PLACES[first]), float(PLACES[ends[first]])


def _walls(along: Along, centre: float) -> tuple[float, float]:
    """The nearest measured rates on either side that are clearly worse than the best, as places; ±∞ where none is."""
    finished = np.isin(along.known, np.flatnonzero(along.evidence.finished))
    if not finished.any():
        return -np.inf, np.inf
    places, shown = along.tried[finished], along.shown[finished]
    expected = np.interp(places, PLACES, along.mean)
    # In several parameters a trial with other ones says little of the rate itself.
    above = (np.minimum(shown, expected) if along.alone else expected) - shown.min()
    wall = above > np.maximum(_WALL, _BY_CHANCE * np.sqrt(2.0) * along.noise)
    losses = along.evidence.final[along.known[finished]]
    if along.alone and losses.min() > 0:
        wall |= _many_times_the_best(places, losses)
    left, right = places[wall & (places < centre)], places[wall & (places > centre)]
    return float(left.max(initial=-np.inf)) + _OUTSIDE, float(right.min(initial=np.inf)) - _OUTSIDE


def _many_times_the_best(places: Floats, losses: Floats) -> Bools:
    """Which of the measured `losses` (m,), > 0, at `places` (m,) are so many times the least, and not by chance: by the
    nearest valley, and by how far the trials leave it that are better than the one in question, as noise may grow
    with the loss."""
    losses = np.minimum(losses, _FAR_TIMES * losses.min())
    order = np.argsort(places, kind="stable")
    fitted = np.empty(len(losses))
    fitted[order] = nearest_valleys(losses[order][None, :], np.ones(len(losses)))[0]
    rising = np.argsort(fitted, kind="stable")
    squares, sorted_fits = ((losses - fitted) ** 2)[rising].cumsum(), fitted[rising]
    # A level is fitted to each run of equal ones, and leaves one fewer free.
    free = np.arange(1, len(losses) + 1) - np.append(0, np.cumsum(np.diff(sorted_fits) > 0)) - 1
    better = np.maximum(np.searchsorted(sorted_fits, fitted), min(_FOR_NOISE, len(losses))) - 1
    noise = np.sqrt(squares[better] / np.maximum(free[better], 1))
    least = float(losses.min())
    many: Bools = fitted >= _WALL_TIMES * least * (1 - _ROUNDING)
    by_chance: Bools = fitted - least <= _BY_CHANCE * np.sqrt(2.0) * noise
    return many & ~by_chance
