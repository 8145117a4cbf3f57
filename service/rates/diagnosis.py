"""What a loss curve says about its learning rate, alone and beside what is known of other runs.

Beside other runs their best value decides. A run that ends near it is good. Loss over rate is a valley, so that a run
that ends clearly worse has its best rate on the best run's side: it is too low below the suggested rates and the best
run's, too high above both, and unclear in between.

Alone no run is called good: a curve does not show that another rate would have ended better. It is too high where it
rises with a probability above 0.99, climbs again beyond its noise, or ends no better than it began after it was worse;
or where nearly every gradient was clipped. It is too low where it falls smoothly and nearly as fast later as early. How
often this is right: docs/explanation/diagnosis.md.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from lrtune.service.rates.checks import Refused, check_curve, range_or_none, rate_or_none
from lrtune.service.rates.loss_curve import FEWEST, End, LossCurve, Sign, end_of
from lrtune.service.sentences import diagnosis as sentences

Verdict = Literal["too_high", "diverged", "too_low", "good", "unclear"]
Direction = Literal["minimize", "maximize"]

_NEAR = 0.1
"""A value is near the best within this share of the best; of the other sign, within half this share of the way from the
run's start to the best."""

_LEARNED = 0.5
"""And only where the run has come so much of the way from an untrained model to the best."""

_SOMETHING = 0.01
"""The best run has learned something where it is below an untrained model by this share of its value."""

_CLEARLY = 0.5
"""A run is clearly worse than the best, whatever its noise, where it is worse by more than this share."""

_SURELY = 2.0
"""And by so many standard errors, where its last values jump about."""

_STEADY = 0.64
"""A fall is steady where the second quarter of the run brought at least this share of what the first quarter did. A
rate that is far too low gives 1 when it is constant and, along half a cosine, from 0.65 with six reports to 0.72 with
many."""

_STEADY_AND_SHORT = 0.2
"""The same, where the run is known to end short of the best."""

_FAR_BELOW = 10.0
"""A rate is far below the largest stable one at a factor of this."""

_CLIPPED = 0.95
_LARGEST = 1e100


@dataclass(frozen=True)
class Diagnosis:
    """A verdict on a run's learning rate, with what speaks for it: numbers and steps."""

    verdict: Verdict
    evidence: tuple[str, ...]
    signs: tuple[Sign, ...] = ()
    """What of it is seen at certain steps of the curve."""


def _found(verdict: Verdict, *evidence: str | Sign) -> Diagnosis:
    clauses = tuple(one.clause if isinstance(one, Sign) else one for one in evidence)
    return Diagnosis(verdict, clauses, tuple(one for one in evidence if isinstance(one, Sign)))


@dataclass(frozen=True)
class _Beside:
    """What is known beside a curve, in losses to be minimized."""

    rate: float | None
    stable: float | None
    suggested: tuple[float, float] | None
    best: float | None
    best_end: End | None
    best_rate: float | None
    others_vary: bool
    is_over: bool
    begun: float | None
    clip_rate: float | None

    @property
    def is_far_below_stable(self) -> bool:
        """Whether the rate is far below the largest stable one."""
        return self.rate is not None and self.stable is not None and self.rate * _FAR_BELOW <= self.stable

    @property
    def side(self) -> Literal["below", "above", "within"] | None:
        """Where the rate lies: below or above the best run's and all suggested ones, or between them; None where no
        other rate is known."""
        known = [*(self.suggested or ()), *([] if self.best_rate is None else [self.best_rate])]
        if self.rate is None or not known:
            return None
        return "below" if self.rate < min(known) else "above" if self.rate > max(known) else "within"

    @property
    def placed(self) -> list[str]:
        """Where the rate lies, in words."""
        if self.rate is not None and self.suggested is not None:
            return [sentences.beside_suggested(self.rate, *self.suggested)]
        if self.rate is not None and self.best_rate is not None and self.best_rate != self.rate:
            return [sentences.beside_best(self.rate, self.best_rate)]
        return []


def diagnose(
    steps: Sequence[int],
    values: Sequence[float],
    *,
    direction: Direction = "minimize",
    learning_rate: float | None = None,
    largest_stable_learning_rate: float | None = None,
    suggested_learning_rates: tuple[float, float] | None = None,
    best_value: float | None = None,
    best_end: tuple[float, float] | None = None,
    best_learning_rate: float | None = None,
    others_vary: bool = False,
    is_over: bool = True,
    final_value: float | None = None,
    clip_rate: float | None = None,
    initial_value: float | None = None,
) -> Diagnosis:
    """Judge the learning rate of a run by its curve: `values` reported at rising `steps`, of any sign or scale.

    What is known beside it sharpens the verdict: the run's rate and its final value, where that is not the last of
    `values`; the largest stable rate; the lowest and the highest suggested rate; the best value of other runs of as
    many steps, its rate, and, where it jumps about, the mean of its last reports and the error of that; whether the
    runs differ in more than their rates; whether this one `is_over`; the share of optimizer steps whose gradient was
    clipped; an untrained model's value.

    Raises Refused, naming the field, where lengths differ, steps do not rise, or a number cannot be.
    """
    check_curve(steps, values)
    if clip_rate is not None and not 0.0 <= clip_rate <= 1.0:
        raise Refused("clip_rate", f"must be a share from 0 to 1, not {clip_rate:g}")
    for step, value in zip(steps, values, strict=True):
        if not abs(value) < _LARGEST:
            return _found("diverged", Sign(sentences.not_finite(step, value), "not finite", (step, step)))
    sign = -1.0 if direction == "maximize" else 1.0
    beside = _Beside(
        rate=rate_or_none("learning_rate", learning_rate),
        stable=rate_or_none("largest_stable_learning_rate", largest_stable_learning_rate),
        suggested=range_or_none("suggested_learning_rates", suggested_learning_rates),
        best=_finite(sign, best_value),
        best_end=None if best_end is None else End(sign * best_end[0], best_end[1]),
        best_rate=rate_or_none("best_learning_rate", best_learning_rate),
        others_vary=others_vary,
        is_over=is_over,
        begun=_finite(sign, initial_value),
        clip_rate=clip_rate,
    )
    final = _finite(1.0, final_value)
    if not values and final is not None:
        steps, values = (0,), (final,)
    if not values:
        return _found("unclear", sentences.nothing_reported())
    curve = _curve(steps, values, sign)
    if beside.best is None:
        return _alone(curve, beside)
    ended = None if final is None or final == values[-1] else sign * final
    return _beside_best(curve, beside, beside.best, ended)


def _curve(steps: Sequence[int], values: Sequence[float], sign: float) -> LossCurve:
    return LossCurve(tuple(steps), tuple(sign * float(value) for value in values), sign)


def _beside_best(curve: LossCurve, beside: _Beside, best: float, ended: float | None) -> Diagnosis:
    """The verdict on a run beside the best one. `ended`: where it ends, where that is not its last report."""
    begun, first = beside.begun, curve.losses[0]
    if begun is not None and begun - best <= _SOMETHING * abs(begun):
        return _found("unclear", sentences.none_learned(curve.as_shown(best), curve.as_shown(begun)))
    last = curve.losses[-1] if ended is None else ended
    end = end_of(curve.losses, len(curve.losses)) if ended is None else End(ended)
    best_end = End(best) if beside.best_end is None else beside.best_end
    surely = end.level - _SURELY * math.hypot(end.error, best_end.error)
    by_last, by_level = _is_within(_NEAR, last, best, first), _is_within(_NEAR, surely, best_end.level, first)
    good = _is_within(_CLEARLY if by_last else 2 * _NEAR, end.level, best_end.level, first)
    learned = begun is None or begun - min(last, end.level) >= _LEARNED * (begun - best)
    told = _told(curve, end, best_end, best, last, None if beside.is_over else curve.steps[-1])
    untrained = () if begun is None or learned else (sentences.hardly_learned(curve.as_shown(begun)),)
    if by_last or by_level:
        return _found("good" if learned and good else "unclear", told, *untrained)
    if len(curve.losses) >= FEWEST and (blown := curve.blown_up()):
        return _found("diverged", *blown, told)
    clearly = not _is_within(_CLEARLY, surely, best_end.level, first)
    high, low = _signs(curve, beside)
    sure = clearly or (beside.suggested is not None and not beside.others_vary)
    if beside.side == "below" and (sure or low):
        return _found("too_low", told, *untrained, *beside.placed, *low)
    if beside.side == "above" and (sure or high):
        return _found("too_high", told, *untrained, *beside.placed, *high)
    if beside.side is None and high and not beside.is_far_below_stable:
        return _found("too_high", *high, told, *untrained)
    if beside.side is None and low:
        return _found("too_low", *low, told, *untrained)
    return _found("unclear", told, *untrained, *beside.placed, *high, *low)


def _told(curve: LossCurve, end: End, best_end: End, best: float, last: float, step: int | None) -> str:
    """How the run ends beside the best one, in words."""
    if end.error == 0.0 or last == best:
        shown, shown_best = curve.as_shown(last), curve.as_shown(best)
        near = _is_within(_NEAR, last, best, curve.losses[0])
        return (sentences.near_best if near else sentences.short_of_best)(shown, shown_best, step)
    return sentences.ends_about(curve.as_shown(end.level), curve.as_shown(best_end.level))


def _alone(curve: LossCurve, beside: _Beside) -> Diagnosis:
    """The verdict on a run of which only the curve is known, and perhaps the largest stable rate."""
    values = len(curve.losses)
    if values < FEWEST:
        return _found("unclear", sentences.too_few(values, FEWEST))
    if blown := curve.blown_up():
        return _found("diverged", *blown)
    high, low = _signs(curve, beside)
    if high and not beside.is_far_below_stable:
        return _found("too_high", *high)
    if low:
        return _found("too_low", *low)
    if high:
        return _found("unclear", *high)
    first, last, step = curve.shown[0], curve.shown[-1], curve.steps[-1]
    if curve.is_noise:
        return _found("unclear", sentences.noise_only(first, last, step))
    return _found("unclear", sentences.nothing_against(first, last, step))


def _signs(curve: LossCurve, beside: _Beside) -> tuple[list[str | Sign], list[str | Sign]]:
    """What speaks for a rate that is too high, and what for one that is too low."""
    if len(curve.losses) < FEWEST:
        return [], []
    high: list[str | Sign] = [*curve.too_high(beside.begun)]
    if beside.clip_rate is not None and beside.clip_rate >= _CLIPPED:
        high.append(sentences.clipped(beside.clip_rate))
    known = beside.rate is not None and beside.stable is not None
    if beside.rate is not None and beside.stable is not None and beside.rate >= beside.stable:
        high.append(sentences.not_below_stable(beside.rate, beside.stable))
    low: list[str | Sign] = []
    if beside.is_far_below_stable or not known:
        low += curve.steady(_STEADY if beside.best is None else _STEADY_AND_SHORT)
    if low and beside.rate is not None and beside.stable is not None:
        low.append(sentences.far_below_stable(beside.rate, beside.stable))
    return high, low


def _is_within(share: float, last: float, best: float, first: float) -> bool:
    """Whether a run ends within that share of the best value; of the other sign, within half that share of the way from
    the run's first value to the best."""
    short = last - best
    if (best > 0) == (last > 0):
        return short <= share * abs(best)
    return short <= 0.5 * share * (first - best)


def _finite(sign: float, value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else sign * value
