"""The picture of loss against learning rate. Pure: values in, a figure out."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure

from lrtune.service.cli.pictures.base import mark_rates
from lrtune.service.wire.studies import Suggestion

STYLES = {
    "complete": {"color": "#1f77b4", "marker": "o", "s": 42},
    "pruned": {"color": "#e8a33d", "marker": "o", "s": 26},
    "diverged": {"color": "#c62828", "marker": "x", "s": 52},
    "failed": {"color": "#7b1fa2", "marker": "v", "s": 36},
}
LABELS = {"pruned": "pruned (last reported loss)", "diverged": "diverged (no loss)", "failed": "failed"}


@dataclass(frozen=True)
class Point:
    """One finished trial; `value` is its final or last reported loss, None or non-finite without one."""

    learning_rate: float
    value: float | None
    outcome: str


def draw(
    points: Sequence[Point],
    suggestion: Suggestion,
    *,
    bounds: tuple[float, float],
    metric: str,
    title: str,
) -> Figure:
    """Axes are logarithmic; `bounds` are the searched rates. Trials without a loss lie on the top edge."""
    figure = Figure(figsize=(8.0, 5.0), dpi=150, layout="constrained")
    axes = figure.add_subplot()
    mark_rates(
        axes,
        interval=suggestion.interval,
        answer=suggestion.learning_rate,
        edge=suggestion.max_stable_learning_rate,
        labels=("interval", "suggested", "stable up to"),
    )
    losses = _losses(points)
    top = _top(losses)
    _draw_points(axes, points, top)
    axes.set_xscale("log")
    axes.set_xlim(bounds[0] / 1.3, bounds[1] * 1.3)
    _scale_losses(axes, losses, top)
    axes.set_xlabel("learning rate")
    axes.set_ylabel(metric)
    axes.set_title(title, loc="left", fontsize=11)
    axes.grid(True, which="major", alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="lower left", fontsize=8, framealpha=0.9)
    return figure


def _draw_points(axes: Any, points: Sequence[Point], top: float) -> None:
    for outcome, style in STYLES.items():
        own = [point for point in points if point.outcome == outcome]
        inside = [point for point in own if _height(point, top) < top or outcome == "diverged"]
        if own:
            label = f"{LABELS.get(outcome, outcome)}: {len(own)}"
            _scatter(axes, inside, top, label=label, **style)
    above = [point for point in points if _height(point, top) == top and point.outcome != "diverged"]
    if above:
        _scatter(axes, above, top, label=f"off the scale: {len(above)}", color="#555555", marker="^", s=36)


def _scatter(axes: Any, points: Sequence[Point], top: float, **style: Any) -> None:
    rates = [point.learning_rate for point in points]
    axes.scatter(rates, [_height(point, top) for point in points], alpha=0.9, zorder=3, clip_on=False, **style)


def _height(point: Point, top: float) -> float:
    return min(point.value, top) if point.value is not None and _has_loss(point) else top


def _losses(points: Sequence[Point]) -> list[float]:
    return sorted(point.value for point in points if point.value is not None and _has_loss(point))


def _top(losses: Sequence[float]) -> float:
    """The upper edge: three times the third quartile, so that one wild loss does not flatten the others."""
    if not losses:
        return 1.0
    return min(losses[-1] * 1.35, 3.0 * losses[(3 * len(losses)) // 4])


def _scale_losses(axes: Any, losses: Sequence[float], top: float) -> None:
    lowest = losses[0] if losses else top / 10
    axes.set_yscale("log")
    axes.set_ylim(lowest / 1.25, top * 1.08)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    few_decades = top < 100 * lowest
    axes.yaxis.set_minor_formatter(lambda value, _: f"{value:g}" if few_decades and _leading(value) in (2, 5) else "")


def _leading(value: float) -> int:
    return int(value / 10 ** math.floor(math.log10(value) + 1e-9) + 0.5) if value > 0 else 0


def _has_loss(point: Point) -> bool:
    """Whether it can be shown on a logarithmic axis."""
    return point.outcome != "diverged" and point.value is not None and 0 < point.value < math.inf
