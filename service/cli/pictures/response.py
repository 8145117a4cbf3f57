"""The picture of a study's metric over its learning rate. Pure: a reply in, a figure out."""

from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from lrtune.service.cli.pictures.base import EDGE, mark_rates
from lrtune.service.wire.responses import LearningRateResponse

_POINT, _FIT = "#52606d", "#1f77b4"


def draw(found: LearningRateResponse) -> Figure:
    """Each trial's value over its rate, the fitted mean and band, where it diverges, and the suggestion."""
    figure = Figure(figsize=(8.0, 4.8), dpi=150, layout="constrained")
    axes = figure.add_subplot()
    complete = [point for point in found.points if point.value is not None]
    values = [float(point.value) for point in complete if point.value is not None]
    axes.set_xscale("log")
    if values and min(values) > 0 and max(values) > 20 * min(values):
        axes.set_yscale("log")
    if found.fit is not None:
        fit = found.fit
        axes.fill_between(fit.learning_rates, fit.low, fit.high, color=_FIT, alpha=0.15, lw=0, label="9 of 10 new runs")
        axes.plot(fit.learning_rates, fit.mean, color=_FIT, lw=2.0, label="fitted mean")
    axes.plot(
        [p.learning_rate for p in complete], values, "o", color=_POINT, ms=4, mec="white", mew=0.5, label="trials"
    )
    _limit(axes, values)
    _mark(axes, found)
    axes.set_xlabel("learning rate")
    axes.set_ylabel(found.metric)
    chosen = ", ".join(f"{name}={value}" for name, value in found.categories.items())
    axes.set_title(
        f"study {found.study}{f', {chosen}' if chosen else ''}: {found.trials} trials", loc="left", fontsize=11
    )
    axes.grid(True, which="major", alpha=0.25)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(fontsize=8, frameon=False, loc="outside right upper")
    return figure


def _limit(axes: Any, values: list[float]) -> None:
    """Show what the trials had, and of the band only what is near."""
    if not values:
        axes.set_yticks([])
        return
    low, high = min(values), max(values)
    if axes.get_yscale() == "log":
        axes.set_ylim(low / 1.5, high * 1.5)
    else:
        margin = 0.15 * (high - low) or 0.1 * abs(low) or 1.0
        axes.set_ylim(low - margin, high + margin)


def _mark(axes: Any, found: LearningRateResponse) -> None:
    diverged = [point.learning_rate for point in found.points if point.state == "diverged"]
    if diverged:
        # At the top or bottom, whichever is worse: a diverged trial has no value.
        height = 0.98 if found.direction == "minimize" else 0.02
        label = f"diverged ({len(diverged)})"
        across = axes.get_xaxis_transform()
        axes.plot(
            diverged, [height] * len(diverged), "x", color=EDGE, ms=6, transform=across, clip_on=False, label=label
        )
    mark_rates(
        axes,
        interval=found.interval,
        answer=found.suggested,
        edge=found.max_stable_learning_rate,
        labels=("interval", "suggested", "diverges above"),
    )
