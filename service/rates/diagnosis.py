"""What a loss curve says about its learning rate.

Too high: the curve rises with a probability above 0.99, jumps and does not come back, or wanders and ends short of the
best; or nearly every gradient was clipped. Too low: it falls smoothly and nearly as fast later as early, with the rate
well below the largest that trains. Thresholds were set on trainings of small real tasks; how often they are right is in
docs/explanation/diagnosis.md.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import NormalDist, median
from typing import Literal

from lrtune.service.rates.checks import Refused, positive
from lrtune.service.rates.smoothing import noise

Verdict = Literal["too_high", "diverged", "too_low", "good", "unclear"]
Direction = Literal["minimize", "maximize"]

FEWEST = 5
"""With fewer values only a divergence is seen."""

_NEAR = 0.1
"""A value is near the best within this share of the best; of the other sign, within half this share of the way from the
run's start to the best."""

_STEADY = 0.6
"""A fall is steady where the second quarter of the run brought at least this share of what the first quarter did. A
rate that is far too low gives 1 when it is constant and 0.72 along half a cosine."""

_FEWEST_QUARTERED = 6
"""With fewer values there are no quarters to compare."""

_STEADY_AND_SHORT = 0.2
"""The same, where the run is known to end short of the best."""

_SMOOTH = 0.02
_WANDERING = 0.2
"""The shares of movement for the worse up to which a curve is smooth, and from which it wanders."""

_FAR_BELOW = 10.0
"""A rate is far below the largest stable one at a factor of this."""

_CLIPPED = 0.95
_RISING = 0.99
_RISE = 0.02
_RISE_SMOOTH = 0.1
_RISE_FAR = 3.0
"""The least rise that counts, as a share of the first value; of a smooth one, which overfitting makes too; and that
which is far above the start."""
_LARGEST = 1e100


@dataclass(frozen=True)
class Diagnosis:
    """A verdict on a run's learning rate, with what speaks for it: numbers and steps."""

    verdict: Verdict
    evidence: tuple[str, ...]


@dataclass(frozen=True)
class _Curve:
    """Values to be minimized, by rising step; `shown` are as they were given."""

    steps: tuple[int, ...]
    losses: tuple[float, ...]
    shown: tuple[float, ...]

    @property
    def lowest(self) -> int:
        """Where the loss is lowest."""
        return min(range(len(self.losses)), key=self.losses.__getitem__)

    def at(self, share: float) -> float:
        """The loss after a share of the steps, linear between reports."""
        place = self.steps[0] + share * (self.steps[-1] - self.steps[0])
        right = next(i for i, step in enumerate(self.steps) if step >= place)
        if right == 0:
            return self.losses[0]
        width = self.steps[right] - self.steps[right - 1]
        part = (place - self.steps[right - 1]) / width
        return self.losses[right - 1] * (1 - part) + self.losses[right] * part


def diagnose(
    steps: Sequence[int],
    values: Sequence[float],
    *,
    direction: Direction = "minimize",
    learning_rate: float | None = None,
    largest_stable_learning_rate: float | None = None,
    best_value: float | None = None,
    clip_rate: float | None = None,
    initial_value: float | None = None,
) -> Diagnosis:
    """Judge the learning rate of a run by its curve: `values` reported at rising `steps`, of any sign or scale.

    What is known beside it sharpens the verdict: the run's rate and the largest stable one, the best value of other
    runs of as many steps, the share of optimizer steps whose gradient was clipped, the value before the first step.
    Raises Refused, naming the field, where lengths differ, steps do not rise, or a number cannot be.
    """
    rate, stable = _checked(steps, values, learning_rate, largest_stable_learning_rate, clip_rate)
    for step, value in zip(steps, values, strict=True):
        if not abs(value) < _LARGEST:
            return Diagnosis("diverged", (f"the value at step {step} is {value:g}",))
    if not values:
        return Diagnosis("unclear", ("nothing was reported",))
    sign = -1.0 if direction == "maximize" else 1.0
    curve = _Curve(tuple(steps), tuple(sign * float(value) for value in values), tuple(float(v) for v in values))
    best = None if best_value is None or not math.isfinite(best_value) else sign * best_value
    if best is not None and _is_near(curve, best):
        return Diagnosis("good", (f"ends at {curve.shown[-1]:.4g}, near the best, {sign * best:.4g}",))
    if len(values) >= FEWEST and (blown := _blown_up(curve)):
        return Diagnosis("diverged", (blown,))
    if len(values) < FEWEST:
        return Diagnosis("unclear", (f"{len(values)} values are too few to judge by: report at least {FEWEST}",))
    begun = None if initial_value is None or not math.isfinite(initial_value) else sign * initial_value
    return _judge(curve, rate, stable, best, clip_rate, begun)


def _judge(
    curve: _Curve,
    rate: float | None,
    stable: float | None,
    best: float | None,
    clip_rate: float | None,
    begun: float | None,
) -> Diagnosis:
    """The verdict on a finite curve of enough values that is not known to end near the best."""
    high = [found for found in (_rising(curve), _spike(curve), _worse_than_begun(curve, begun)) if found]
    if clip_rate is not None and clip_rate >= _CLIPPED:
        high.append(f"{100 * clip_rate:.0f} % of the gradients were clipped")
    wandering = _wandering(curve)
    known = rate is not None and stable is not None
    far_below = rate is not None and stable is not None and rate * _FAR_BELOW <= stable
    if rate is not None and stable is not None and rate >= stable:
        high.append(f"the rate, {rate:.3g}, is not below the largest stable one, about {stable:.3g}")
    steady = _steady(curve, _STEADY if best is None else _STEADY_AND_SHORT)
    short = [] if best is None else [f"ends at {curve.shown[-1]:.4g}, short of the best, {_like(curve, best):.4g}"]
    if (high or (wandering and best is not None)) and not far_below:
        return Diagnosis("too_high", (*high, *wandering, *short))
    if steady and (far_below or not known):
        low = [f"the rate, {rate:.3g}, is far below the largest stable one, about {stable:.3g}"] if far_below else []
        return Diagnosis("too_low", (*steady, *low, *short))
    if high or wandering or steady or short:
        return Diagnosis("unclear", (*high, *wandering, *steady, *short))
    ends = f"goes from {curve.shown[0]:.4g} to {curve.shown[-1]:.4g} by step {curve.steps[-1]}"
    if curve.losses[0] - curve.losses[-1] <= 2.0 * noise(_bends(curve.losses)):
        return Diagnosis("unclear", (f"{ends}: no more than its noise",))
    return Diagnosis("good", (f"{ends}, most of it early, and stays there",))


def _like(curve: _Curve, loss: float) -> float:
    """A loss as the run's values are given."""
    return loss if curve.shown == curve.losses else -loss


def _is_near(curve: _Curve, best: float) -> bool:
    short, last = curve.losses[-1] - best, curve.losses[-1]
    if (best > 0) == (last > 0):
        return short <= _NEAR * abs(best)
    return short <= 0.5 * _NEAR * (curve.losses[0] - best)


def _blown_up(curve: _Curve) -> str | None:
    """Ended far above its start, compared with how far it ever fell and how it moved at first."""
    first, last, lowest = curve.losses[0], curve.losses[-1], curve.losses[curve.lowest]
    begun = curve.losses[: max(FEWEST, len(curve.losses) // 2)]
    usual = median(abs(later - loss) for loss, later in pairwise(begun))
    if last - first <= max(4.0 * (first - lowest), 4.0 * usual, _RISE_FAR * abs(first)):
        return None
    return f"ends at {curve.shown[-1]:.4g} at step {curve.steps[-1]}, far above its start, {curve.shown[0]:.4g}"


def _rising(curve: _Curve) -> str | None:
    """A slope upwards over the whole run, by least squares. A small rise is not one."""
    first, last = curve.losses[0], curve.losses[-1]
    smoothly = 4 * _turns(curve) < len(curve.losses)
    if last - first <= (_RISE_SMOOTH if smoothly else _RISE) * abs(first):
        return None
    probability = _probability_rising(curve.steps, curve.losses)
    if probability <= _RISING:
        return None
    return (
        f"gets worse from {curve.shown[0]:.4g} at step {curve.steps[0]} to {curve.shown[-1]:.4g} at step "
        f"{curve.steps[-1]}, with probability {probability:.3f}"
    )


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


def _spike(curve: _Curve) -> str | None:
    """A jump upwards far beyond the others, from which the run did not come back."""
    jumps = [later - loss for loss, later in pairwise(curve.losses)]
    usual = median(abs(jump) for jump in jumps)
    worst = max(range(len(jumps)), key=jumps.__getitem__)
    fallen = curve.losses[0] - min(curve.losses[: worst + 1])
    if jumps[worst] <= max(8.0 * usual, 0.5 * fallen, _RISE_SMOOTH * abs(curve.losses[worst])):
        return None
    if min(curve.losses[worst + 1 :]) <= curve.losses[worst]:
        return None
    return (
        f"jumps from {curve.shown[worst]:.4g} to {curve.shown[worst + 1]:.4g} at step {curve.steps[worst + 1]}, "
        "and does not come back"
    )


def _worse_than_begun(curve: _Curve, begun: float | None) -> str | None:
    """Rose above where the training began by more than it has come below that since."""
    worst = max(range(len(curve.losses)), key=curve.losses.__getitem__)
    if begun is None or curve.losses[worst] - begun <= max(_NEAR * abs(begun), begun - curve.losses[-1]):
        return None
    return (
        f"gets worse from {_like(curve, begun):.4g} before the first step to {curve.shown[worst]:.4g} at step "
        f"{curve.steps[worst]}, and ends at {curve.shown[-1]:.4g}"
    )


def _upwards(curve: _Curve) -> float:
    """The share of the curve's movement that is for the worse: 0 falls only, 0.5 gets nowhere, 1 rises only."""
    jumps = [later - loss for loss, later in pairwise(curve.losses)]
    travelled = sum(abs(jump) for jump in jumps)
    return sum(jump for jump in jumps if jump > 0) / travelled if travelled > 0 else 0.0


def _turns(curve: _Curve) -> int:
    jumps = [later - loss for loss, later in pairwise(curve.losses)]
    return sum(1 for jump, following in pairwise(jumps) if jump * following < 0)


def _wandering(curve: _Curve) -> list[str]:
    """Goes up a good part of its way, and turns often."""
    share = _upwards(curve)
    if share < _WANDERING or 4 * _turns(curve) < len(curve.losses):
        return []
    if max(curve.losses) - min(curve.losses) < _NEAR * abs(curve.losses[0]):
        return []
    ends = f"from {curve.shown[0]:.4g} to {curve.shown[-1]:.4g}"
    return [f"wanders: {100 * share:.0f} % of its movement is for the worse, {_turns(curve)} turns on the way {ends}"]


def _steady(curve: _Curve, least: float) -> list[str]:
    """Falls only, and in the second quarter at least `least` times as much as in the first."""
    start, quarter, half = curve.losses[0], curve.at(0.25), curve.at(0.5)
    early, later = start - quarter, quarter - half
    if len(curve.losses) < _FEWEST_QUARTERED:
        return []
    if early <= 0 or later < least * early or _upwards(curve) > _SMOOTH:
        return []
    if start - half <= 4.0 * noise(_bends(curve.losses)):
        return []
    return [
        f"falls slowly and steadily, by {early:.3g} in the first quarter and still by {later:.3g} in the second, to "
        f"{curve.shown[-1]:.4g} at step {curve.steps[-1]}"
    ]


def _bends(losses: Sequence[float]) -> list[float]:
    """What is left of a smooth curve: each loss less the mean of its neighbours."""
    return [loss - (left + right) / 2 for left, loss, right in zip(losses, losses[1:], losses[2:], strict=False)]


def _checked(
    steps: Sequence[int],
    values: Sequence[float],
    learning_rate: float | None,
    largest_stable_learning_rate: float | None,
    clip_rate: float | None,
) -> tuple[float | None, float | None]:
    if len(steps) != len(values):
        raise Refused("values", f"must be one for each step: {len(values)} values, {len(steps)} steps")
    for index, (step, following) in enumerate(pairwise(steps)):
        if following <= step:
            raise Refused(f"steps[{index + 1}]", f"must be above the step before it, {step}, not {following}")
    if clip_rate is not None and not 0.0 <= clip_rate <= 1.0:
        raise Refused("clip_rate", f"must be a share from 0 to 1, not {clip_rate:g}")
    rate = None if learning_rate is None else positive("learning_rate", learning_rate)
    largest = largest_stable_learning_rate
    return rate, None if largest is None else positive("largest_stable_learning_rate", largest)
