"""The picture of a range test. Pure: rates and losses in, a figure out."""

import math
from collections.abc import Sequence

from matplotlib.figure import Figure

from lrtune.service.cli.pictures.base import mark_rates, save
from lrtune.service.rates.range_test import RangeTestAnalysis

__all__ = ["draw", "save"]

MARKS = {
    "valley": ("o", "#1f77b4"),
    "steepest": ("s", "#7b1fa2"),
    "slide": ("^", "#e8a33d"),
    "minimum_over_10": ("D", "#2e7d32"),
}


def draw(
    learning_rates: Sequence[float],
    losses: Sequence[Sequence[float]],
    analysis: RangeTestAnalysis,
    *,
    title: str,
) -> Figure:
    """Loss over rate: each seed's losses, the smoothed curve, each rule's answer on it, and the usable rates."""
    figure = Figure(figsize=(8.0, 4.8), dpi=150, layout="constrained")
    axes = figure.add_subplot()
    smoothed = analysis.smoothed
    for index, curve in enumerate(losses):
        label = "losses, one line a seed" if index == 0 else None
        axes.plot(learning_rates[: len(curve)], curve, color="#9aa5b1", lw=0.8, alpha=0.8, label=label)
    axes.plot(learning_rates[: len(smoothed)], smoothed, color="#222222", lw=2.0, label="smoothed")
    mark_rates(
        axes,
        interval=analysis.bounds,
        answer=analysis.recommended,
        edge=analysis.diverged_at,
        labels=("usable", "recommended", "diverges at"),
    )
    for rule, rate in analysis.suggestions.items():
        if rate is not None:
            marker, color = MARKS[rule]
            height = _height(rate, learning_rates, smoothed)
            label = f"{rule.replace('_', ' ')} {rate:.2g}"
            axes.plot([rate], [height], marker, color=color, ms=8, mec="white", zorder=4, label=label)
    axes.set_xscale("log")
    axes.set_xlim(learning_rates[0], learning_rates[-1])
    axes.set_ylim(*_limits(smoothed, losses))
    axes.set_xlabel("learning rate")
    axes.set_ylabel("training loss")
    axes.set_title(title, loc="left", fontsize=11)
    if not analysis.signal:
        axes.text(0.5, 0.94, "no signal", transform=axes.transAxes, ha="center", color="#c62828")
    axes.grid(True, which="major", alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(fontsize=8, frameon=False, loc="outside right upper")
    return figure


def _height(rate: float, rates: Sequence[float], smoothed: Sequence[float]) -> float:
    """The smoothed curve at `rate`, between two of its points; its end past it."""
    for left in range(len(smoothed) - 1):
        if rates[left] <= rate <= rates[left + 1]:
            share = math.log(rate / rates[left]) / math.log(rates[left + 1] / rates[left])
            return smoothed[left] + share * (smoothed[left + 1] - smoothed[left])
    return smoothed[0] if rate < rates[0] else smoothed[-1]


def _limits(smoothed: Sequence[float], losses: Sequence[Sequence[float]]) -> tuple[float, float]:
    """All of the curves but the blow-up at the end: up to the highest loss of their first halves."""
    finite = [loss for curve in losses for loss in curve if math.isfinite(loss)]
    start = [loss for curve in losses for loss in curve[: max(1, len(curve) // 2)] if math.isfinite(loss)]
    low, top = min([*finite, *smoothed], default=0.0), max([*start, *smoothed[:1]], default=1.0)
    room = 0.06 * (top - low) or 0.1 * abs(top) or 1.0
    return low - room, top + 3 * room
