"""The learning-rate range test: what it says.

The rate is raised exponentially every optimizer step and the training loss recorded (Smith 2017, "Cyclical learning
rates for training neural networks"). No rule that reads the answer off the curve is right; each is a bracket.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median

from lrtune.service.rates.checks import Refused, positive
from lrtune.service.rates.range_test import rules
from lrtune.service.rates.range_test.running_median import half_window
from lrtune.service.rates.range_test.shape import FEWEST, Fall, rises_from_the_start, still_falling
from lrtune.service.rates.range_test.stop_rule import LARGEST, SMOOTHING, StopRule
from lrtune.service.rates.smoothing import noise
from lrtune.service.sentences import range_test as say
from lrtune.service.sentences.words import paragraph

RULES = ("valley", "steepest", "slide", "minimum_over_10")

_BELOW_EDGE = 20.0
"""How far below the divergence a rate is safe: measured, see docs/explanation/range-tests.md."""

_EDGE_SEEN = 100.0
"""The divergence is where it is, and not at the start of the test, where it comes this many times above the start."""

_FAR, _AROUND = 8.0, 3
"""A loss is shown as ignored where it is so many standard deviations from the running median, and so many times as far
as half of the losses around it, three to each side."""


@dataclass(frozen=True)
class RangeTestAnalysis:
    """What a range test says. All rates are of the kind that was tested: the optimizer's base rate."""

    suggestions: dict[str, float | None]
    """By rule: valley, steepest, slide, minimum_over_10. None where the curve gives no signal."""
    recommended: float | None
    bounds: tuple[float, float] | None
    """From the rate where the loss begins to fall to the highest before it rises."""
    diverged_at: float | None
    """The rate at which the stop rule fires or the loss is not finite; None where the test ended before."""
    smoothed: tuple[float, ...]
    """The debiased average of the losses, one for each up to the stop."""
    signal: bool
    """Whether a rate is recommended; where no rule found one, by the divergence alone, and `reason` says so."""
    reason: str
    """Why there is a signal, or none, with the numbers, in whole sentences."""
    still_falling_at: float | None = None
    """The last rate, where the loss still falls there: better ones may lie above."""
    rising_from: float | None = None
    """The first rate, where the loss rises or diverges from there: better ones lie below, and none is recommended."""
    ignored: tuple[int, ...] = ()
    """The places of losses far from those around them; empty for several seeds."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """What to do about the two, in whole sentences."""
        falling = () if self.still_falling_at is None else (say.still_falling(self.still_falling_at),)
        rising = () if self.rising_from is None else (say.already_rising(self.rising_from),)
        return falling + rising


def analyse(
    learning_rates: Sequence[float], losses: Sequence[float], *, smoothing: float = SMOOTHING
) -> RangeTestAnalysis:
    """Read a range test: `learning_rates` strictly rising, `losses` one for each, non-finite where it diverged.

    Raises Refused, naming what is wrong, for rates that are not finite, > 0 and rising, or lengths that differ.
    """
    rates = _checked(learning_rates, losses)
    rule = StopRule(smoothing=smoothing, half_window=half_window(rates))
    if not any(rule.update(float(loss)) for loss in losses):
        rule.end()
    diverged_at = None if rule.stopped_at is None else rates[rule.stopped_at]
    fall = Fall.of(rule.losses)
    early = diverged_at is not None and (len(rule.losses) < FEWEST or diverged_at / rates[0] < _EDGE_SEEN)
    rising = not fall.clear and (early or rises_from_the_start(rule.losses))
    falling = fall.clear and diverged_at is None and still_falling(rule.losses)
    suggestions, bounds = _read(rates, rule.smoothed) if fall.clear else (dict.fromkeys(RULES), None)
    edge = None if diverged_at is None or early or rising else diverged_at / _BELOW_EDGE
    centres = [rate for rate in (_below_minimum(rates[0], bounds), edge) if rate is not None]
    recommended = _mean(centres, rates[0], rates[-1]) if centres else None
    ignored = _ignored(losses, rule)
    return RangeTestAnalysis(
        suggestions,
        recommended,
        _around(bounds, recommended),
        diverged_at,
        tuple(rule.smoothed),
        signal=recommended is not None,
        reason=paragraph(
            [
                "" if diverged_at is not None and len(rule.losses) < FEWEST else fall.told,
                "" if diverged_at is None else say.diverges(diverged_at, after=len(rule.losses), fewest=FEWEST),
                say.only_an_edge() if bounds is None and recommended is not None else "",
                say.ignored(len(ignored)),
            ]
        ),
        still_falling_at=rates[-1] if falling else None,
        rising_from=rates[0] if rising else None,
        ignored=ignored,
    )


def _read(rates: Sequence[float], smoothed: Sequence[float]) -> tuple[dict[str, float | None], tuple[float, float]]:
    """What each rule says of a curve that falls, and the bounds; without its first tenth, where smoothing begins."""
    first = len(smoothed) // 10
    curve = rules.Curve(rates[first : len(smoothed)], smoothed[first:])
    answers = {name: getattr(rules, name)(curve) for name in RULES}
    within = {name: None if rate is None else max(rate, rates[0]) for name, rate in answers.items()}
    return within, rules.bounds(curve)


def _below_minimum(lowest: float, bounds: tuple[float, float] | None) -> float | None:
    """A tenth of the rate of the minimum; the middle between it and the first rate where a tenth was not tried."""
    if bounds is None:
        return None
    tenth = bounds[1] / 10.0
    return tenth if tenth >= lowest else math.sqrt(lowest * bounds[1])


def _ignored(losses: Sequence[float], rule: StopRule) -> tuple[int, ...]:
    """The places where a loss is no divergence and far from the losses around it, or not finite."""
    steady = _FAR * noise(rule.losses)
    end = len(rule.medians) if rule.stopped_at is None else rule.stopped_at
    found = []
    for at, middle in enumerate(rule.medians[:end]):
        around = [abs(loss - middle) for loss in rule.losses[max(at - _AROUND, 0) : at + _AROUND + 1]]
        if not abs(losses[at] - middle) <= max(steady, _FAR * median(around), 1e-9 * abs(middle)):
            found.append(at)
    return tuple(found)


def combine(analyses: Sequence[RangeTestAnalysis]) -> RangeTestAnalysis:
    """One answer from the range tests of several seeds: the geometric median of each number.

    There is a signal where most seeds have one. `smoothed` is the median over the seeds, as far as the shortest.
    """
    if not analyses:
        raise ValueError("combine needs at least one range test")
    if len(analyses) == 1:
        return analyses[0]
    clear = [analysis for analysis in analyses if analysis.signal]
    together = RangeTestAnalysis(
        {name: _middle([a.suggestions[name] for a in clear]) for name in RULES},
        _middle([a.recommended for a in clear]),
        None,
        _of_most([a.diverged_at for a in analyses]),
        tuple(median(values) for values in zip(*(a.smoothed for a in analyses), strict=False)),
        signal=True,
        reason="",
        still_falling_at=_of_most([a.still_falling_at for a in analyses]),
        rising_from=_of_most([a.rising_from for a in analyses]),
    )
    if 2 * len(clear) <= len(analyses):
        unclear = next(analysis for analysis in analyses if not analysis.signal)
        reason = paragraph([say.unclear_seeds(len(analyses) - len(clear), len(analyses)), unclear.reason])
        none = dict.fromkeys(RULES)
        return replace(together, suggestions=none, recommended=None, signal=False, reason=reason)
    rates = [a.recommended for a in clear if a.recommended is not None]
    found = [analysis.bounds for analysis in clear if analysis.bounds is not None]
    low, high = _middle([low for low, _ in found]), _middle([high for _, high in found])
    bounds = _around((low, high) if low is not None and high is not None else None, together.recommended)
    reason = say.middle_of_seeds(len(clear), len(analyses), min(rates), max(rates))
    if not found:
        reason = paragraph([reason, say.only_an_edge(len(clear))])
    return replace(together, bounds=bounds, reason=reason)


def _of_most(rates: Sequence[float | None]) -> float | None:
    """The geometric median of those that are known, where half are."""
    known = [rate for rate in rates if rate is not None]
    return _middle(known) if 2 * len(known) >= len(rates) else None


def _around(bounds: tuple[float, float] | None, recommended: float | None) -> tuple[float, float] | None:
    """The bounds, widened where the recommended rate is outside: smoothing lags, and shows the fall too late."""
    if bounds is None or recommended is None:
        return bounds
    return min(bounds[0], recommended), max(bounds[1], recommended)


def _mean(rates: Sequence[float], low: float, high: float) -> float:
    """The geometric mean; not a rounding error outside of `low` to `high`."""
    return min(max(math.exp(sum(math.log(rate) for rate in rates) / len(rates)), low), high)


def _middle(rates: Sequence[float | None]) -> float | None:
    """The geometric median of those that are known."""
    known = [rate for rate in rates if rate is not None]
    return _mean([math.exp(median(math.log(rate) for rate in known))], min(known), max(known)) if known else None


def _checked(learning_rates: Sequence[float], losses: Sequence[float]) -> list[float]:
    if len(learning_rates) != len(losses):
        raise Refused("losses", f"must be one for each rate: {len(losses)} losses, {len(learning_rates)} rates")
    if not learning_rates:
        raise Refused("learning_rates", "must not be empty")
    rates = [positive(f"learning_rates[{index}]", rate) for index, rate in enumerate(learning_rates)]
    for index in (0, len(rates) - 1):
        if not 1.0 / LARGEST < rates[index] < LARGEST:
            raise Refused(f"learning_rates[{index}]", f"must be between 1e-100 and 1e100, not {rates[index]:g}")
    for index, (rate, following) in enumerate(pairwise(rates)):
        if following <= rate:
            raise Refused(
                f"learning_rates[{index + 1}]", f"must be above the rate before it, {rate:g}, not {following:g}"
            )
    return rates
