"""The picture of a study's training curves. Pure: trials in, a figure out."""

import math
from collections.abc import Sequence
from typing import Any, Literal

from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from lrtune.service.wire.trials import TrialWithCurve

_PLAIN, _DIVERGED, _STOPPED = "#52606d", "#c62828", "#222222"
_MAP = ListedColormap([colormaps["viridis"](index / 290) for index in range(256)])
"""Without its yellow end, which is pale on white."""


def draw(
    trials: Sequence[TrialWithCurve],
    *,
    title: str,
    metric: str,
    direction: Literal["minimize", "maximize"],
    parameter: str | None,
    best: int | None = None,
    step: str = "step",
) -> Figure:
    """What each trial reported, coloured by `parameter`, the learning rate; the line of the trial `best` is thick."""
    figure = Figure(figsize=(8.0, 4.8), dpi=150, layout="constrained")
    axes = figure.add_subplot()
    rates = [_rate(trial, parameter) for trial in trials]
    scale = _scale([rate for rate in rates if rate is not None])
    low, high = _limits(trials, direction)
    if direction == "minimize" and low > 0 and high > 10 * low:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_ylim(low, high)
    for trial, rate in zip(trials, rates, strict=True):
        color = _PLAIN if scale is None or rate is None else _MAP(scale(rate))
        _curve(axes, trial, color, is_best=trial.number == best)
    _ends(axes, trials, worst=high if direction == "minimize" else low)
    if scale is not None:
        figure.colorbar(ScalarMappable(scale, _MAP), ax=axes, label=str(parameter).replace("_", " "), pad=0.02)
    axes.set_xlabel(step)
    axes.set_ylabel(metric)
    axes.set_title(title, loc="left", fontsize=11)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(True, which="major", alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    if axes.get_legend_handles_labels()[0]:
        figure.legend(fontsize=8, frameon=False, loc="outside lower center", ncols=3)
    return figure


def _curve(axes: Any, trial: TrialWithCurve, color: Any, *, is_best: bool) -> None:
    style = {"lw": 3.0, "zorder": 3, "label": f"best: trial {trial.number}"} if is_best else {"lw": 1.2, "alpha": 0.85}
    finite = _finite(trial)
    axes.plot([step for step, _ in finite], [value for _, value in finite], color=color, **style)


def _ends(axes: Any, trials: Sequence[TrialWithCurve], *, worst: float) -> None:
    """Where trials diverged, on the worse edge, where they were pruned, and where trainings that were asked to be
    shorter than others came to their end."""
    diverged = [trial.curve[-1].step for trial in trials if trial.state == "diverged" and trial.curve]
    pruned = [_finite(trial)[-1] for trial in trials if trial.state == "pruned" and _finite(trial)]
    if diverged:
        style = {"color": _DIVERGED, "ms": 7, "mew": 1.6, "clip_on": False, "zorder": 4}
        axes.plot(diverged, [worst] * len(diverged), "x", label=f"diverged ({len(diverged)})", **style)
    if pruned:
        axes.plot(*zip(*pruned, strict=True), ".", color=_STOPPED, ms=6, zorder=4, label=f"pruned ({len(pruned)})")
    longest = max((trial.max_steps or 0 for trial in trials), default=0)
    complete = [trial for trial in trials if trial.state == "complete" and (trial.max_steps or longest) < longest]
    short = [_finite(trial)[-1] for trial in complete if _finite(trial)]
    if short:
        style = {"color": _STOPPED, "mfc": "none", "ms": 6, "zorder": 4}
        axes.plot(*zip(*short, strict=True), "o", label=f"end of short trainings ({len(short)})", **style)


def _finite(trial: TrialWithCurve) -> list[tuple[int, float]]:
    return [(report.step, float(report.value)) for report in trial.curve if math.isfinite(report.value)]


def _rate(trial: TrialWithCurve, parameter: str | None) -> float | None:
    value = trial.params.get(parameter) if parameter is not None else None
    return float(value) if isinstance(value, float | int) and value > 0 else None


def _scale(rates: Sequence[float]) -> LogNorm | None:
    if not rates:
        return None
    low, high = min(rates), max(rates)
    spread = (low, high) if low < high else (low / 2, high * 2)
    return LogNorm(*spread)


def _limits(trials: Sequence[TrialWithCurve], direction: str) -> tuple[float, float]:
    """All values; of losses no more than three times the median of each trial's first, since some blow up."""
    curves = [[float(report.value) for report in trial.curve if math.isfinite(report.value)] for trial in trials]
    values = sorted(value for curve in curves for value in curve)
    if not values:
        return 0.0, 1.0
    firsts = sorted(curve[0] for curve in curves if curve)
    middle = firsts[len(firsts) // 2]
    low, high = values[0], values[-1]
    if direction == "minimize" and low > 0:
        return low / 1.15, min(high * 1.15, 3.0 * middle)
    room = 0.06 * (high - low) or 1.0
    return low - room, high + room
