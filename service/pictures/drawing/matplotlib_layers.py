"""The layers of one panel as matplotlib draws them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from lrtune.service.pictures.looks import color_of, mark_of, shade
from lrtune.service.pictures.parts import Across, Band, Bars, Layer, Line, Note, Panel, Points, Rule, Span
from lrtune.service.pictures.places import axis_of, ends_of, names_on, place
from lrtune.service.sentences.words import plain

_UP = [(0.0, -1.0), (0.0, 1.0), (-0.5, 0.35), (0.0, 1.0), (0.5, 0.35), (0.0, 1.0)]
_MARKERS: dict[str, Any] = {
    "circle": "o",
    "square": "s",
    "cross": "x",
    "triangle": "^",
    "triangle-down": "v",
    "triangle-right": ">",
    "diamond": "D",
    "plus": "P",
    "star": "*",
    "up": _UP,
    "down": [(x, -y) for x, y in _UP],
}
_DASHES = {"solid": "-", "dashed": "--", "dotted": ":", "dashdot": "-."}
_PALE, _FULL = 0.3, 0.9
_POINT = 0.83
"""Of matplotlib's points in a pixel of a page."""
_ROW = 0.04
"""Of the panel's height, from row to row along its edge."""
_PAPER = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 2.0}
"""Behind words that lie on curves."""


@dataclass(frozen=True)
class Key:
    """A line of the legend."""

    label: str
    handle: Any
    of_points: bool


def said(text: str) -> str:
    """Text in which matplotlib finds no formula; lines stay lines."""
    return "\n".join(plain(line).replace("$", r"\$") for line in text.split("\n"))


class Layers:
    """The layers of a panel on their way onto a pair of axes."""

    def __init__(self, axes: Any, panel: Panel) -> None:
        self._axes = axes
        self._panel = panel
        self._names = {across: names_on(panel, across) for across in ("x", "y")}
        self._keys: list[Key] = []

    def draw(self) -> list[Key]:
        """All of them, in their order; returns what they have in the legend."""
        for index, layer in enumerate(self._panel.layers):
            self._layer(layer, 2 + 0.01 * index)
        return self._keys

    def _layer(self, layer: Layer, height: float) -> None:
        if isinstance(layer, Points):
            self._points(layer, height)
        elif isinstance(layer, Line):
            self._line(layer, height)
        elif isinstance(layer, Band):
            self._band(layer, height)
        elif isinstance(layer, Bars):
            self._bars(layer, height)
        elif isinstance(layer, Note):
            self._note(layer)
        else:
            self._over_all(layer)

    def _key(self, label: str, handle: Any, *, of_points: bool = False) -> None:
        if label:
            self._keys.append(Key(label, handle, of_points))

    def _places(self, values: Sequence[Any], across: Across) -> list[float]:
        axis, names = axis_of(self._panel, across), self._names[across]
        found = [float(names.index(at)) if isinstance(at, str) else place(axis, at) for at in values]
        return [math.nan if at is None else at for at in found]

    def _points(self, layer: Points, height: float) -> None:
        look, color = mark_of(layer.role), color_of(layer.role)
        marker, size = _MARKERS[layer.shape or look.shape], _POINT * look.size
        hollow = look.hollow and layer.shape is None
        face = "none" if hollow else color
        width = 1.6 if hollow or look.shape == "cross" or layer.shape in ("up", "down") else 1.0
        where = self._places(layer.x, "x")
        if where:
            how: dict[str, Any] = {"alpha": _PALE if layer.pale else _FULL, "zorder": height}
            tall = self._places(layer.y, "y")
            if layer.at is not None:
                off = 0.03 + _ROW * layer.row
                tall = [1 - off if layer.at == "top" else off] * len(where)
                how["transform"] = self._axes.get_xaxis_transform()
            how |= {
                "marker": marker,
                "s": size**2,
                "linewidths": width,
                "clip_on": layer.at is None and self._is_cut(tall),
            }
            colors = {"facecolors": face, "edgecolors": color} if _MARKERS["cross"] != marker else {"color": color}
            self._axes.scatter(where, tall, **colors, **how)
        style: dict[str, Any] = {"color": color, "mfc": face, "mew": width, "ls": ""}
        self._key(layer.label, Line2D([], [], marker=marker, ms=size, **style), of_points=True)

    def _is_cut(self, heights: Sequence[float]) -> bool:
        """Whether some lie past the axis: those are not to be seen."""
        ends = ends_of(self._panel.y)
        return ends is not None and any(not min(ends) <= at <= max(ends) for at in heights if math.isfinite(at))

    def _line(self, layer: Line, height: float) -> None:
        color = color_of(layer.role) if layer.shade is None else shade(layer.shade)
        how: dict[str, Any] = {"color": color, "ls": _DASHES[layer.dash], "lw": layer.width}
        if layer.x:
            x, y = self._places(layer.x, "x"), self._places(layer.y, "y")
            drawn = "steps-post" if layer.stairs else "default"
            self._axes.plot(x, y, drawstyle=drawn, alpha=_PALE if layer.pale else _FULL, zorder=height, **how)
        self._key(layer.label, Line2D([], [], **how))

    def _band(self, layer: Band, height: float) -> None:
        low, high = self._places(layer.low, "y"), self._places(layer.high, "y")
        look: dict[str, Any] = {"color": color_of(layer.role), "alpha": 0.15, "lw": 0}
        self._axes.fill_between(self._places(layer.x, "x"), low, high, zorder=height, **look)
        self._key(layer.label, Patch(**look))

    def _bars(self, layer: Bars, height: float) -> None:
        along: Across = "x" if layer.sideways else "y"
        names = self._places(layer.names, "y" if layer.sideways else "x")
        starts = self._places(layer.starts, along) if layer.starts else [0.0] * len(names)
        color, lengths = color_of(layer.role), self._places(layer.lengths, along)
        if layer.sideways:
            self._axes.barh(names, lengths, left=starts, color=color, zorder=height)
        else:
            self._axes.bar(names, lengths, bottom=starts, color=color, zorder=height)
        self._key(layer.label, Patch(color=color))

    def _note(self, layer: Note) -> None:
        x, y = self._places([layer.x], "x")[0], self._places([layer.y], "y")[0]
        if math.isfinite(x) and math.isfinite(y):
            color = "#222222" if layer.role == "plain" else color_of(layer.role)
            how: dict[str, Any] = {"ha": "center", "va": "top" if layer.below else "center", "fontsize": 8}
            self._axes.text(x, y, said(layer.text), color=color, bbox=_PAPER, zorder=6, **how)

    def _over_all(self, layer: Span | Rule) -> None:
        values = (layer.low, layer.high) if isinstance(layer, Span) else (layer.at,)
        places = self._places(values, layer.across)
        x = layer.across == "x"
        if isinstance(layer, Span):
            look: dict[str, Any] = {"color": color_of(layer.role), "alpha": 0.12, "lw": 0}
            draw, handle = self._axes.axvspan if x else self._axes.axhspan, cast(Any, Patch(**look))
        else:
            look = {"color": color_of(layer.role), "lw": 1.6, "ls": _DASHES[layer.dash]}
            draw, handle = self._axes.axvline if x else self._axes.axhline, Line2D([], [], **look)
        if all(math.isfinite(at) for at in places):
            draw(*places, **look)
        self._key(layer.label, handle)
