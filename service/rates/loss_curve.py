"""What can be seen of a loss curve: whether it blows up, rises, climbs after a fall, falls steadily.

The numbers were set on the trainings of docs/explanation/diagnosis.md, so that few good runs show a sign.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from statistics import NormalDist, fmean, median

from lrtune.service.rates.smoothing import noise
from lrtune.service.sentences import diagnosis as sentences

FEWEST = 5
"""With fewer values nothing is seen but a divergence."""

_FEWEST_QUARTERED = 6
"""With fewer values there are no quarters to compare."""

_FEWEST_CLIMBING = 10
"""With fewer values a climb is not told from noise."""

_MANY = 20
"""From so many values on, each is taken as the middle of three before a climb is looked for."""

_RISING = 0.99
_RISE = 0.1
_RISE_FAR = 3.0
"""The least rise that counts, as a share of the first value: overfitting makes a small one; and that which is far above
the start."""

_CLIMB = 1.5
_CLIMB_OF_FALL = 0.5
_CLIMB_IN_NOISE = 6.0
_FLOOR = 0.01
_OVERCOME = 0.05
"""The least climb that counts: as a factor of the lowest loss before it, in standard deviations of the curve's noise;
of losses that are not above 0, as a share of the fall before it. A loss is not told from 0 below that share of the
first one; and a run that comes down to the last share of where it climbed from has overcome it."""

LAST_REPORTS = 15
"""A run's end is seen in so many of its reports, however many it has."""

_ENDS = 5
"""A run's end is its last fifth of values, where they jump about; a third of them, five at least, tell how much."""

_FEWEST_AT_END, _FEWEST_TURNS = 3, 2

_SLOW = 0.5
"""A fall to less than this share of the first loss is not slow."""

_SMOOTH = 0.02
"""The share of movement for the worse up to which a curve is smooth."""


@dataclass(frozen=True)
class Sign:
    """Something that is seen of a curve: in a clause with its numbers, in a word or two, and between which steps."""

    clause: str
    name: str
    steps: tuple[int, int]


@dataclass(frozen=True)
class End:
    """Where a run ends: its last loss, or, where that is one of many that jump about, their mean and its error."""

    level: float
    error: float = 0.0


def end_of(losses: Sequence[float], count: int) -> End:
    """Where a run of `count` losses ends, by the last of them, `LAST_REPORTS` or all. It jumps about where every third
    step changes the direction."""
    count, losses = min(count, 3 * LAST_REPORTS), losses[-LAST_REPORTS:]
    looked_at = losses[-max(FEWEST, count // 3) :]
    jumps = [later - loss for loss, later in pairwise(looked_at)]
    turns = sum(jump * following < 0 for jump, following in pairwise(jumps))
    if turns < max(_FEWEST_TURNS, (len(looked_at) - 2) / 3):
        return End(losses[-1])
    last = losses[-max(_FEWEST_AT_END, count // _ENDS) :]
    return End(fmean(last), noise(looked_at) / math.sqrt(len(last)))


@dataclass(frozen=True)
class LossCurve:
    """Finite values to be minimized, by rising step, at least one; `sign` times each, -1 where the metric is maximized,
    they are `shown` as they were given."""

    steps: tuple[int, ...]
    losses: tuple[float, ...]
    sign: float = 1.0

    @cached_property
    def shown(self) -> tuple[float, ...]:
        """The values as they were given."""
        return tuple(map(self.as_shown, self.losses))

    def as_shown(self, loss: float) -> float:
        """A loss as the run's values are given."""
        return self.sign * loss + 0.0  # Never -0.

    @property
    def fall(self) -> float:
        """From the first value to the last."""
        return self.losses[0] - self.losses[-1]

    @property
    def is_noise(self) -> bool:
        """Whether it falls no further than it jumps about."""
        return self.fall <= 2.0 * noise(self._bends())

    def blown_up(self) -> list[Sign]:
        """Ended far above its start, compared with how far it ever fell and how it moved at first."""
        first, last, lowest = self.losses[0], self.losses[-1], min(self.losses)
        begun = self.losses[: max(FEWEST, len(self.losses) // 2)]
        usual = median(abs(later - loss) for loss, later in pairwise(begun))
        early = max(self.losses[: max(2, len(self.losses) // 4)])
        if last - first <= max(4.0 * (first - lowest), 4.0 * usual, _RISE_FAR * abs(first), early - first):
            return []
        clause = sentences.far_above_start(self.shown[-1], self.steps[-1], self.shown[0])
        return [Sign(clause, "blows up", (self.steps[self.losses.index(lowest)], self.steps[-1]))]

    def too_high(self, begun: float | None) -> list[Sign]:
        """The signs of a rate that is too high. `begun`: the value before the first step, where it is known."""
        return [*self._rising(), *self._climb(), *self._worse_than_begun(begun)]

    def _rising(self) -> list[Sign]:
        """A slope upwards over the whole run, by least squares. A small rise is not one."""
        first, last = self.losses[0], self.losses[-1]
        if last - first <= _RISE * abs(first):
            return []
        sure = _probability_rising(self.steps, self.losses)
        if sure <= _RISING:
            return []
        clause = sentences.rising(self.shown[0], self.steps[0], self.shown[-1], self.steps[-1], sure)
        return [Sign(clause, "gets worse", (self.steps[0], self.steps[-1]))]

    def _climb(self) -> list[Sign]:
        """Goes up after it was down, further than its noise: by a factor, or by a share of its fall."""
        if len(self.losses) < _FEWEST_CLIMBING:
            return []
        middles = self.losses if len(self.losses) < _MANY else _middles(self.losses)
        if min(self.losses) > 0.0:
            floor = _FLOOR * self.losses[0]
            low, top, climbed = _largest_climb([math.log(loss + floor) for loss in middles])
            least = max(math.log(_CLIMB), _CLIMB_IN_NOISE * noise([math.log(loss + floor) for loss in self.losses]))
        else:
            low, top, climbed = _largest_climb(middles)
            fallen = max(self.losses[: low + 1]) - middles[low]
            least = max(_CLIMB_OF_FALL * fallen, _CLIMB_IN_NOISE * noise(self.losses))
        overcome = min(self.losses) > 0.0 and self.losses[-1] < _OVERCOME * middles[low]
        if climbed <= least or overcome:
            return []
        low_shown, top_shown = self.as_shown(middles[low]), self.as_shown(middles[top])
        clause = sentences.climb(low_shown, self.steps[low], top_shown, self.steps[top], self.shown[-1])
        return [Sign(clause, "climbs again", (self.steps[low], self.steps[top]))]

    def _worse_than_begun(self, begun: float | None) -> list[Sign]:
        """Rose above where the training began, and ends no better than that. A curve that hardly moves has not risen:
        then the beginning was measured by other data."""
        worst = max(range(len(self.losses)), key=self.losses.__getitem__)
        if begun is None or min(self.losses[-3:]) < begun:
            return []
        risen, moved = self.losses[worst] - begun, self.losses[worst] - min(self.losses)
        if risen <= (_RISE if moved > _RISE * abs(begun) else _RISE_FAR) * abs(begun):
            return []
        start, highest = self.as_shown(begun), self.shown[worst]
        clause = sentences.worse_than_begun(start, highest, self.steps[worst], self.shown[-1])
        return [Sign(clause, "worse than at the start", (self.steps[0], self.steps[worst]))]

    def steady(self, least: float) -> list[Sign]:
        """Falls only, and in the second quarter at least `least` times as much as in the first."""
        if len(self.losses) < _FEWEST_QUARTERED:
            return []
        start, quarter, half = self.losses[0], self._at(0.25), self._at(0.5)
        early, later = start - quarter, quarter - half
        if early <= 0 or later < least * early or self._upwards() > _SMOOTH:
            return []
        if 0.0 < self.losses[-1] < _SLOW * start:
            return []
        if start - half <= 4.0 * noise(self._bends()):
            return []
        clause = sentences.steady(early, later, self.shown[-1], self.steps[-1])
        half = round(self.steps[0] + 0.5 * (self.steps[-1] - self.steps[0]))
        return [Sign(clause, "falls slowly and steadily", (self.steps[0], half))]

    def _at(self, share: float) -> float:
        """The loss after a share of the steps, linear between reports."""
        place = self.steps[0] + share * (self.steps[-1] - self.steps[0])
        right = next(i for i, step in enumerate(self.steps) if step >= place)
        if right == 0:
            return self.losses[0]
        width = self.steps[right] - self.steps[right - 1]
        part = (place - self.steps[right - 1]) / width
        return self.losses[right - 1] * (1 - part) + self.losses[right] * part

    def _upwards(self) -> float:
        """The share of the curve's movement that is for the worse: 0 falls only, 0.5 gets nowhere, 1 rises only."""
        jumps = [later - loss for loss, later in pairwise(self.losses)]
        travelled = sum(abs(jump) for jump in jumps)
        return sum(jump for jump in jumps if jump > 0) / travelled if travelled > 0 else 0.0

    def _bends(self) -> list[float]:
        """What is left of a smooth curve: each loss less the mean of its neighbours."""
        of = self.losses
        return [loss - (left + right) / 2 for left, loss, right in zip(of, of[1:], of[2:], strict=False)]


def _probability_rising(steps: Sequence[int], losses: Sequence[float]) -> float:
    """That the slope of a least squares line is above 0, the residuals being normal."""
    count = len(steps)
    at, level = sum(steps) / count, sum(losses) / count
    spread = sum((step - at) ** 2 for step in steps)
    slope = sum((step - at) * (loss - level) for step, loss in zip(steps, losses, strict=True)) / spread
    left = sum((loss - level - slope * (step - at)) ** 2 for step, loss in zip(steps, losses, strict=True))
    error = math.sqrt(left / (count - 2) / spread)
    if error == 0.0:
        return float(slope > 0)
    return NormalDist().cdf(slope / error)


def _middles(losses: Sequence[float]) -> list[float]:
    """Each loss as the middle of itself and its neighbours."""
    return [
        sorted(losses[max(0, at - 1) : at + 2])[1] if 0 < at < len(losses) - 1 else loss
        for at, loss in enumerate(losses)
    ]


def _largest_climb(losses: Sequence[float]) -> tuple[int, int, float]:
    """From where to where a curve goes up most, and how far."""
    low, found, most = 0, (0, 0), 0.0
    for at, loss in enumerate(losses):
        if loss < losses[low]:
            low = at
        if loss - losses[low] > most:
            found, most = (low, at), loss - losses[low]
    return *found, most
