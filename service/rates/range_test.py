"""The learning-rate range test: what it says.

The rate is raised exponentially every optimizer step and the training loss recorded (Smith 2017, "Cyclical learning
rates for training neural networks"). No rule that reads the answer off the curve is right; each is a bracket.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median

from lrtune.service.rates import range_rules
from lrtune.service.rates.checks import Refused, positive
from lrtune.service.rates.smoothing import noise
from lrtune.service.rates.stop_rule import LARGEST, StopRule

RULES = ("valley", "steepest", "slide", "minimum_over_10")

_SIGNAL = 6.0
"""A fall counts where it exceeds so many standard errors of a window's mean."""

_BELOW_EDGE = 20.0
"""How far below the divergence a rate is safe: measured, see docs/explanation/range-tests.md."""

_EDGE_SEEN = 100.0
"""The divergence is where it is, and not at the start of the test, where it comes this many times above the start."""


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
    reason: str
    """Why there is a signal, or none, with the numbers."""


def analyse(learning_rates: Sequence[float], losses: Sequence[float], *, smoothing: float = 0.98) -> RangeTestAnalysis:
    """Read a range test: `learning_rates` strictly rising, `losses` one for each, non-finite where it diverged.

    Raises Refused, naming what is wrong, for rates that are not finite, > 0 and rising, or lengths that differ.
    """
    rates = _checked(learning_rates, losses)
    rule = StopRule(smoothing=smoothing)
    if not any(rule.update(float(loss)) for loss in losses):
        rule.end()
    diverged_at = None if rule.stopped_at is None else rates[rule.stopped_at]
    smoothed = rule.smoothed
    fall, told = _fall(rule.losses)
    edge, edge_told = _edge(rates, len(smoothed), diverged_at)
    suggestions: dict[str, float | None] = dict.fromkeys(RULES)
    bounds = None
    if fall:
        skipped = len(smoothed) // 10
        curve = range_rules.Curve(rates[skipped : len(smoothed)], smoothed[skipped:])
        suggestions = {name: _at_least(rates[0], getattr(range_rules, name)(curve)) for name in RULES}
        bounds = range_rules.bounds(curve)
    centres = [rate for rate in (suggestions["minimum_over_10"], edge) if rate is not None]
    recommended = _mean(centres, rates[0], rates[-1]) if centres else None
    reason = f"{told}; {edge_told}" if edge_told else told
    bounds = _around(bounds, recommended)
    return RangeTestAnalysis(
        suggestions, recommended, bounds, diverged_at, tuple(smoothed), recommended is not None, reason
    )


def combine(analyses: Sequence[RangeTestAnalysis]) -> RangeTestAnalysis:
    """One answer from the range tests of several seeds: the geometric median of each number.

    There is a signal where most seeds have one. `smoothed` is the median over the seeds, as far as the shortest.
    """
    if not analyses:
        raise ValueError("combine needs at least one range test")
    if len(analyses) == 1:
        return analyses[0]
    clear = [analysis for analysis in analyses if analysis.signal]
    diverged = [analysis.diverged_at for analysis in analyses if analysis.diverged_at is not None]
    smoothed = tuple(median(values) for values in zip(*(a.smoothed for a in analyses), strict=False))
    diverged_at = _middle(diverged) if 2 * len(diverged) >= len(analyses) else None
    if 2 * len(clear) <= len(analyses):
        unclear = next(analysis for analysis in analyses if not analysis.signal)
        reason = f"{len(analyses) - len(clear)} of {len(analyses)} seeds show no signal: {unclear.reason}"
        return replace(unclear, smoothed=smoothed, diverged_at=diverged_at, reason=reason)
    suggestions = {name: _middle([rate for a in clear if (rate := a.suggestions[name]) is not None]) for name in RULES}
    found = [analysis.bounds for analysis in clear if analysis.bounds is not None]
    low, high = _middle([low for low, _ in found]), _middle([high for _, high in found])
    recommended = _middle([a.recommended for a in clear if a.recommended is not None])
    reason = f"the middle of {len(clear)} of {len(analyses)} seeds"
    if recommended is not None:
        rates = [a.recommended for a in clear if a.recommended is not None]
        reason += f", which recommend {min(rates):.3g} to {max(rates):.3g}"
    bounds = _around((low, high) if low is not None and high is not None else None, recommended)
    return RangeTestAnalysis(suggestions, recommended, bounds, diverged_at, smoothed, True, reason)


def _around(bounds: tuple[float, float] | None, recommended: float | None) -> tuple[float, float] | None:
    """The bounds, widened where the recommended rate is outside: smoothing lags, and shows the fall too late."""
    if bounds is None or recommended is None:
        return bounds
    return min(bounds[0], recommended), max(bounds[1], recommended)


def _at_least(lowest: float, rate: float | None) -> float | None:
    return None if rate is None else max(rate, lowest)


def _mean(rates: Sequence[float], low: float, high: float) -> float:
    """The geometric mean; not a rounding error outside of `low` to `high`."""
    return min(max(math.exp(sum(math.log(rate) for rate in rates) / len(rates)), low), high)


def _middle(rates: Sequence[float]) -> float | None:
    """The geometric median."""
    return _mean([math.exp(median(math.log(rate) for rate in rates))], min(rates), max(rates)) if rates else None


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


def _fall(losses: Sequence[float]) -> tuple[bool, str]:
    """Whether the losses fall by more than noise does, and the numbers.

    Medians of windows are compared, the first with the lowest: of noise alone about one test in two hundred passes.
    """
    width = max(5, len(losses) // 10)
    if len(losses) < 2 * width:
        return False, f"{len(losses)} finite losses are too few to see a fall; a range test needs 10, better 100"
    before = median(losses[:width])
    starts = range(width, len(losses) - width + 1, max(1, width // 10))
    windows = [median(losses[start : start + width]) for start in starts]
    drop, spread = before - min(windows), noise(losses)
    needed = max(_SIGNAL * spread / math.sqrt(width), 1e-9 * abs(before))
    if drop > needed:
        return True, f"the loss falls from {before:.4g} to {min(windows):.4g}, its noise is {spread:.2g}"
    return False, f"no fall: the loss goes from {before:.4g} to {min(windows):.4g} at best, its noise is {spread:.2g}"


def _edge(rates: Sequence[float], steps: int, diverged_at: float | None) -> tuple[float | None, str]:
    """A rate well below the divergence, where enough of the test lies below it, and what to say of it."""
    if diverged_at is None:
        return None, ""
    if steps < 10 or diverged_at / rates[0] < _EDGE_SEEN:
        return None, f"it diverges at {diverged_at:.3g}, near the start of the test: begin at a lower rate"
    return diverged_at / _BELOW_EDGE, f"it diverges at {diverged_at:.3g}"
