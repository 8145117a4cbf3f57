"""The layers of one panel as plotly reads them: traces, and shapes and annotations of the layout."""

import math
from collections.abc import Sequence
from typing import Any

from lrtune.service.pictures.drawing.plotly_text import escaped
from lrtune.service.pictures.looks import color_of, mark_of, rgb, shade
from lrtune.service.pictures.parts import Across, Band, Bars, Layer, Line, Note, Panel, Points, Rule, Span
from lrtune.service.pictures.places import axis_of, ends_of, place

_SYMBOLS = {
    "circle": "circle",
    "square": "square",
    "cross": "x-thin",
    "triangle": "triangle-up",
    "triangle-down": "triangle-down",
    "triangle-right": "triangle-right",
    "diamond": "diamond",
    "plus": "cross",
    "star": "star",
    "up": "arrow-up",
    "down": "arrow-down",
}
_DASHES = {"solid": "solid", "dashed": "dash", "dotted": "dot", "dashdot": "dashdot"}
_PALE, _FULL = 0.35, 0.95
_BAR, _THIN, _MANY = 0.8, 0.12, 8
"""A bar's thickness where there are many, where there would be none, and how many are many."""
_ROW = 0.04
"""Of the panel's height, from row to row along its edge."""


class Layers:
    """The layers of one panel on their way into a figure."""

    def __init__(self, data: list[dict[str, Any]], layout: dict[str, Any], suffix: str, panel: Panel) -> None:
        self._data = data
        self._layout = layout
        self._suffix = suffix
        self._panel = panel
        self._named = {trace["legendgroup"] for trace in data if trace.get("showlegend")}

    def draw(self) -> None:
        """All of them, in their order."""
        for layer in self._panel.layers:
            self._layer(layer)

    def _layer(self, layer: Layer) -> None:
        if isinstance(layer, Points):
            self._points(layer)
        elif isinstance(layer, Line):
            self._line(layer)
        elif isinstance(layer, Band):
            self._band(layer)
        elif isinstance(layer, Bars):
            self._bars(layer)
        elif isinstance(layer, Note):
            self._note(layer)
        else:
            self._over_all(layer)

    def _trace(self, label: str, **more: Any) -> None:
        suffix, name = self._suffix, escaped(label)
        shown = bool(label) and name not in self._named
        self._named.add(name)
        own = {"xaxis": f"x{suffix}", "yaxis": f"y{suffix}", "name": name, "legendgroup": name, "showlegend": shown}
        self._data.append(own | more)

    def _places(self, values: Sequence[Any], across: Across) -> list[Any]:
        """A trace without places has no line in the legend: it gets one place that is nowhere."""
        axis = axis_of(self._panel, across)
        return [at if isinstance(at, str) else place(axis, at) for at in values] or [None]

    def _points(self, layer: Points) -> None:
        look, color = mark_of(layer.role), color_of(layer.role)
        symbol = _SYMBOLS[layer.shape or look.shape] + ("-open" if look.hollow and layer.shape is None else "")
        marker = {"symbol": symbol, "size": look.size, "color": color, "line": {"width": 1.6, "color": color}}
        x, y, axis = self._places(layer.x, "x"), self._places(layer.y, "y"), {}
        if layer.at is not None:
            off = 0.02 + _ROW * layer.row
            y = [1 - off if layer.at == "top" else off] * len(x)
            axis = {"yaxis": self._shares()}
        more = {"mode": "markers", "marker": marker, "opacity": _PALE if layer.pale else _FULL, **axis}
        more["cliponaxis"] = layer.at is None and self._is_cut(y)
        self._trace(layer.label, x=x, y=y, **more, **_told(layer.texts, layer.trials))

    def _is_cut(self, heights: Sequence[Any]) -> bool:
        """Whether some lie past the axis: those are not to be seen."""
        ends = ends_of(self._panel.y)
        numbers = [at for at in heights if isinstance(at, float)]
        return ends is not None and any(not min(ends) <= at <= max(ends) for at in numbers)

    def _shares(self) -> str:
        """An axis over the same panel whose places are shares of its height."""
        number = 100 + int(self._suffix or 1)
        base = self._layout[f"yaxis{self._suffix}"]
        hidden = {"visible": False, "fixedrange": True, "range": [0, 1], "domain": base["domain"]}
        over = {"overlaying": f"y{self._suffix}", "anchor": f"x{self._suffix}"}
        self._layout[f"yaxis{number}"] = hidden | over
        return f"y{number}"

    def _line(self, layer: Line) -> None:
        color = color_of(layer.role) if layer.shade is None else shade(layer.shade)
        line = {"color": color, "width": layer.width, "dash": _DASHES[layer.dash]}
        if layer.stairs:
            line["shape"] = "hv"
        x, y = self._places(layer.x, "x"), self._places(layer.y, "y")
        told = _told(layer.texts, () if layer.trial is None else [layer.trial] * len(x))
        if layer.told:
            told["hovertemplate"] = f"{escaped(layer.told)}<br>{self._where()}<extra></extra>"
        more = {"mode": "lines", "line": line, "opacity": _PALE if layer.pale else _FULL}
        if layer.trial is not None:
            more["meta"] = {"trial": layer.trial}
        self._trace(layer.label, x=x, y=y, **more, **told)

    def _where(self) -> str:
        """The place that one points at, in words."""
        x, y = escaped(self._panel.x.title), escaped(self._panel.y.title)
        number = ":,d" if self._panel.x.whole else ":.3g"
        return f"{x} %{{x{number}}}<br>{y} %{{y:.4g}}"

    def _band(self, layer: Band) -> None:
        edge = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip"}
        x = self._places(layer.x, "x")
        self._trace("", x=x, y=self._places(layer.low, "y"), **edge)
        fill = {"fill": "tonexty", "fillcolor": _translucent(color_of(layer.role))}
        self._trace(layer.label, x=x, y=self._places(layer.high, "y"), **edge, **fill)

    def _bars(self, layer: Bars) -> None:
        along, names = ("x", "y") if layer.sideways else ("y", "x")
        across: Across = "x" if layer.sideways else "y"
        more: dict[str, Any] = {along: self._places(layer.lengths, across), names: list(layer.names)}
        if layer.starts:
            more["base"] = self._places(layer.starts, across)
        orientation = "h" if layer.sideways else "v"
        marker = {"color": color_of(layer.role)}
        more |= {"textposition": "none", "width": self._thickness(layer)}
        self._trace(layer.label, type="bar", orientation=orientation, marker=marker, **more, **_told(layer.texts, ()))

    def _thickness(self, layer: Bars) -> float:
        """Of bars, as a share of what there is for each: few would be slabs."""
        names = {name for one in self._panel.layers if isinstance(one, Bars) for name in one.names}
        return min(_BAR, _THIN + (_BAR - _THIN) * len(names) / _MANY)

    def _note(self, layer: Note) -> None:
        x, y = (self._on(across, at) for across, at in (("x", layer.x), ("y", layer.y)))
        if x is None or y is None:
            return
        where = {"x": x, "y": y, "xref": f"x{self._suffix}", "yref": f"y{self._suffix}"}
        font = {} if layer.role == "plain" else {"font": {"color": color_of(layer.role)}}
        hangs = {"yanchor": "top"} if layer.below else {}
        self._layout["annotations"].append({"text": escaped(layer.text), "showarrow": False, **where, **font, **hangs})

    def _on(self, across: Any, value: float) -> float | None:
        """Where a value is, as annotations of plotly are told it."""
        axis = axis_of(self._panel, across)
        at = place(axis, value)
        return math.log10(at) if at is not None and axis.log else at

    def _over_all(self, layer: Span | Rule) -> None:
        values = (layer.low, layer.high) if isinstance(layer, Span) else (layer.at, layer.at)
        low, high = (place(axis_of(self._panel, layer.across), value) for value in values)
        color = color_of(layer.role)
        line = {"color": color, "width": 1.8, "dash": "solid" if isinstance(layer, Span) else _DASHES[layer.dash]}
        if low is not None and high is not None:
            how: dict[str, Any] = {"type": "line", "line": line}
            if isinstance(layer, Span):
                how = {"type": "rect", "fillcolor": _translucent(color), "line": {"width": 0}, "layer": "below"}
            self._layout["shapes"].append(self._from_to(layer.across, low, high) | how)
        if layer.label:  # A shape has no line in the legend, so an empty trace stands for it.
            key: dict[str, Any] = {"mode": "lines", "line": line}
            if isinstance(layer, Span):
                key = {"mode": "markers", "marker": {"symbol": "square", "size": 11, "color": _translucent(color, 0.4)}}
            self._trace(layer.label, x=[None], y=[None], **key)

    def _from_to(self, across: Across, low: float, high: float) -> dict[str, Any]:
        other: Across = "y" if across == "x" else "x"
        own = {f"{across}0": low, f"{across}1": high, f"{across}ref": f"{across}{self._suffix}"}
        return own | {f"{other}0": 0, f"{other}1": 1, f"{other}ref": f"{other}{self._suffix} domain"}


def _told(texts: Sequence[str], trials: Sequence[int]) -> dict[str, Any]:
    told: dict[str, Any] = {}
    if texts:
        told |= {"text": [escaped(text) for text in texts], "hovertemplate": "%{text}<extra></extra>"}
    if trials:
        told["customdata"] = list(trials)
    return told


def _translucent(color: str, share: float = 0.16) -> str:
    red, green, blue = rgb(color)
    return f"rgba({red},{green},{blue},{share})"
