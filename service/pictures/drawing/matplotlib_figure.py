"""A picture as a matplotlib figure, on white, for files that no browser draws. Import it only where one is drawn."""

import math
from collections.abc import Sequence
from typing import Any

from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, LogLocator, MaxNLocator, NullFormatter, NullLocator

from lrtune.service.pictures.drawing.matplotlib_layers import Key, Layers, said
from lrtune.service.pictures.looks import RAMP
from lrtune.service.pictures.parts import Across, Panel, Picture, Points, Scale
from lrtune.service.pictures.places import (
    are_short,
    axis_of,
    ends_of,
    extent,
    is_fine,
    is_shared,
    names_on,
    place,
    powers,
)

_WIDTHS = {1: 8.6, 2: 12.0, 3: 14.5}
"""In inches, of so many panels in a row."""
_BOTH: tuple[Across, Across] = ("x", "y")
_SMALL: dict[str, Any] = {"fontsize": 8, "frameon": False}


def figure(picture: Picture) -> Figure:
    """The picture, 150 dots an inch; its legend beside it, or below where a scale of colours is beside it."""
    count = len(picture.panels)
    columns = min(picture.columns, count) or 1
    rows = math.ceil(count / columns) or 1
    width = _WIDTHS.get(columns, 4.8 * columns)
    drawn = Figure(figsize=(width, 4.8 if rows == 1 else 1.2 + 3.6 * rows), dpi=150, layout="constrained")
    alike = is_shared(picture, "x"), is_shared(picture, "y")
    grid = list(drawn.subplots(rows, columns, squeeze=False, sharex=alike[0], sharey=alike[1]).flat)
    for spare in grid[count:]:
        spare.set_visible(False)
    keys: list[Key] = []
    for axes, panel in zip(grid, picture.panels, strict=False):
        keys += Layers(axes, panel).draw()
        for across in _BOTH:
            _set_axis(axes, panel, across)
        _frame(axes, panel)
    _name_axes(drawn, picture, grid, columns)
    if picture.title:
        drawn.suptitle(said(picture.title), x=0.01, ha="left", fontsize=11)
    if picture.scale is not None:
        _bar(drawn, picture.scale, grid[:count])
    _legends(drawn, picture, keys)
    return drawn


def _frame(axes: Any, panel: Panel) -> None:
    if panel.title:
        axes.set_title(said(panel.title), loc="left", fontsize=10)
    axes.grid(True, which="major", alpha=0.25)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _set_axis(axes: Any, panel: Panel, across: Across) -> None:
    """Scale, ends and ticks of one axis."""
    axis, drawn = axis_of(panel, across), axes.xaxis if across == "x" else axes.yaxis
    names = names_on(panel, across)
    if axis.log:
        _set_log(axes, panel, across)
    if (ends := ends_of(axis)) is not None:
        (axes.set_xlim if across == "x" else axes.set_ylim)(*ends)
    if axis.bare:
        drawn.set_major_locator(NullLocator())
        drawn.set_minor_locator(NullLocator())
    elif axis.ticks or names:
        ticks = axis.ticks or tuple(enumerate(names))
        shown = [(at, said(text)) for at, text in ticks if place(axis, at) is not None]
        drawn.set_ticks([at for at, _ in shown], labels=[text for _, text in shown])
    elif axis.whole and not axis.log:
        drawn.set_major_locator(MaxNLocator(integer=True))


def _set_log(axes: Any, panel: Panel, across: Across) -> None:
    drawn = axes.xaxis if across == "x" else axes.yaxis
    (axes.set_xscale if across == "x" else axes.set_yscale)("log")
    seen = extent(panel, across)
    if seen is None:
        return
    low, high = sorted(seen)
    fine = is_fine((low, high))
    drawn.set_major_locator(LogLocator(subs=(1, 2, 5) if fine else (1,)))
    if fine or are_short((low, high)):
        drawn.set_major_formatter("{x:g}")
    drawn.set_minor_formatter(NullFormatter())
    if across == "x":
        drawn.set_minor_locator(NullLocator())


def _name_axes(drawn: Figure, picture: Picture, grid: list[Any], columns: int) -> None:
    """An axis that all panels share is named once, and has its numbers at the edge of the picture."""
    for across in _BOTH:
        own = [axis_of(panel, across) for panel in picture.panels]
        if is_shared(picture, across):
            name_all = drawn.supxlabel if across == "x" else drawn.supylabel
            name_all(said(own[0].title), fontsize=10)
            continue
        for axes, one in zip(grid, own, strict=False):
            (axes.set_xlabel if across == "x" else axes.set_ylabel)(said(one.title))
    for axes in grid[max(0, len(picture.panels) - columns) : len(picture.panels)]:
        axes.tick_params(labelbottom=True)


def _bar(drawn: Figure, scale: Scale, grid: list[Any]) -> None:
    low, high = scale.low, scale.high
    if not low < high:
        low, high = (low / 2, high * 2) if scale.log else (low - 1, high + 1)
    norm = (LogNorm if scale.log else Normalize)(low, high)
    colors = ScalarMappable(norm, LinearSegmentedColormap.from_list("rates", RAMP))
    bar = drawn.colorbar(colors, ax=grid, pad=0.02)
    bar.set_label(said(scale.title))
    if scale.log:
        ticks = powers(low, high)
        bar.ax.yaxis.set_major_locator(FixedLocator(ticks))
        bar.ax.yaxis.set_minor_locator(NullLocator())
        bar.ax.yaxis.set_major_formatter("{x:.3g}")


def _legends(drawn: Figure, picture: Picture, keys: Sequence[Key]) -> None:
    """What marks mean, and apart from it, under the picture's notes, what lines and areas do."""
    by_label = {key.label: key for key in reversed(keys)}
    found = list(dict.fromkeys(key.label for key in keys))
    points = [by_label[label] for label in found if by_label[label].of_points]
    others = [by_label[label] for label in found if not by_label[label].of_points]
    title = "trials" if any(_are_trials(panel) for panel in picture.panels) and points else ""
    notes = "\n".join(said(note).replace(": ", ":\n", 1) for note in picture.notes)
    if picture.scale is not None:
        _legend(drawn, [*others, *points], notes, loc="outside lower center", ncols=3)
    elif notes and points:
        _legend(drawn, points, title, loc="outside right upper")
        _legend(drawn, others, notes, loc="outside right lower")
    else:
        _legend(drawn, [*others, *points], notes or ("" if others else title), loc="outside right upper")


def _legend(drawn: Figure, keys: list[Key], title: str, **where: Any) -> None:
    if keys or title:
        handles, labels = [key.handle for key in keys], [said(key.label) for key in keys]
        drawn.legend(handles, labels, title=title or None, title_fontsize=8, alignment="left", **_SMALL, **where)


def _are_trials(panel: Panel) -> bool:
    return any(isinstance(layer, Points) and layer.trials for layer in panel.layers)
