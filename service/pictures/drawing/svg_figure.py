"""A picture as SVG, for what is there before any script runs, and where none does.

Colours of text and lines come from the classes `picture-text` and `picture-grid`, those of what is drawn from its role.
There is no style in it, and whatever people wrote stands in it as text.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from lrtune.service.pictures.drawing import ticks
from lrtune.service.pictures.looks import color_of, mark_of
from lrtune.service.pictures.parts import Axis, Band, Layer, Line, Panel, Picture, Place, Points, Rule, Span

WIDTH, HEIGHT = 760, 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 12, 10, 44
_DASHES = {"solid": "", "dashed": "6 4", "dotted": "2 3", "dashdot": "7 3 2 3"}
_LEAST_WIDTH = 300
_EDGE = 7
_LARGEST = 1e150
"""What is larger has no say in where an axis ends."""


def svg(picture: Picture) -> str:
    """All panels; bars and notes are left to who draws the picture in full."""
    columns = max(1, min(picture.columns, len(picture.panels)))
    rows = max(1, math.ceil(len(picture.panels) / columns))
    width = max(_LEAST_WIDTH, WIDTH // columns)
    head = (
        f'<svg class="picture" viewBox="0 0 {width * columns} {HEIGHT * rows}" role="img" '
        f'aria-label="{escape(picture.said)}" xmlns="http://www.w3.org/2000/svg">'
    )
    panels = []
    for index, panel in enumerate(picture.panels):
        row, column = divmod(index, columns)
        place = f'x="{column * width}" y="{row * HEIGHT}" width="{width}" height="{HEIGHT}"'
        panels.append(f"<svg {place}>{''.join(_panel(panel, width))}</svg>")
    return f"{head}{''.join(panels)}</svg>"


def _panel(panel: Panel, width: int) -> Iterator[str]:
    x, y = _scale(panel, "x", (_LEFT, width - _RIGHT)), _scale(panel, "y", (HEIGHT - _BOTTOM, _TOP))
    yield from _frame(x, y)
    for layer in panel.layers:
        yield from _layer(layer, x, y)
    if panel.title:
        yield f'<text class="picture-text" x="{_LEFT + 6}" y="{_TOP + 12}">{escape(panel.title)}</text>'


@dataclass(frozen=True)
class _Scale:
    """From values to places, in units of the picture."""

    axis: Axis
    low: float
    high: float
    start: float
    end: float

    def at(self, value: Place) -> float | None:
        """None for what has no place on it."""
        if isinstance(value, str) or value is None or not math.isfinite(value) or (self.axis.log and value <= 0):
            return None
        low, high = self._on(self.low), self._on(self.high)
        share = (self._on(min(max(value, self.low), self.high)) - low) / (high - low)
        return round(self.start + share * (self.end - self.start), 1)

    def ticks(self) -> list[tuple[float, str]]:
        """Places and what is written there."""
        if self.axis.ticks:
            found = [(value, text) for value, text in self.axis.ticks]
        else:
            places = ticks.logarithmic(self.low, self.high) if self.axis.log else ticks.linear(self.low, self.high)
            found = list(zip(places, ticks.shown(places), strict=True))
        return [(place, text) for value, text in found if (place := self.at(value)) is not None]

    def _on(self, value: float) -> float:
        return math.log10(value) if self.axis.log else value


def _scale(panel: Panel, across: str, places: tuple[float, float]) -> _Scale:
    axis = panel.x if across == "x" else panel.y
    every = [value for layer in panel.layers for value in _values(layer, across) if abs(value) < _LARGEST]
    values = [value for value in every if value > 1 / _LARGEST or not axis.log]
    low, high = axis.ends or (min(values, default=0.1 if axis.log else 0.0), max(values, default=1.0))
    if low >= high:
        low, high = (low / 2, low * 2) if axis.log else (low - (abs(low) or 1.0) / 2, low + (abs(low) or 1.0) / 2)
    elif axis.ends is None:
        low, high = _with_room(low, high, log=axis.log)
    return _Scale(axis, low, high, *places)


def _with_room(low: float, high: float, *, log: bool) -> tuple[float, float]:
    if log:
        room = (high / low) ** 0.04
        return low / room, high * room
    room = 0.05 * (high - low)
    return (low - room, high + room) if math.isfinite(room) else (low, high)


def _values(layer: Layer, across: str) -> Iterator[float]:
    """The numbers of a layer along an axis."""
    found: Sequence[Place] = ()
    if isinstance(layer, Points):
        found = layer.x if across == "x" else () if layer.at is not None else layer.y
    elif isinstance(layer, Line):
        found = layer.x if across == "x" else layer.y
    elif isinstance(layer, Band):
        found = layer.x if across == "x" else [*layer.low, *layer.high]
    elif isinstance(layer, Span) and layer.across == across:
        found = [layer.low, layer.high]
    elif isinstance(layer, Rule) and layer.across == across:
        found = [layer.at]
    return (float(value) for value in found if isinstance(value, int | float))


def _frame(x: _Scale, y: _Scale) -> Iterator[str]:
    bottom, right = HEIGHT - _BOTTOM, x.end
    for place, text in x.ticks():
        yield f'<path class="picture-grid" d="M{place} {_TOP}V{bottom}"/>'
        yield f'<text class="picture-text" x="{place}" y="{bottom + 16}" text-anchor="middle">{escape(text)}</text>'
    for place, text in y.ticks():
        yield f'<path class="picture-grid" d="M{_LEFT} {place}H{right}"/>'
        yield f'<text class="picture-text" x="{_LEFT - 6}" y="{place + 4}" text-anchor="end">{escape(text)}</text>'
    middle = (_LEFT + right) / 2
    yield f'<text class="picture-text" x="{middle}" y="{HEIGHT - 8}" text-anchor="middle">{escape(x.axis.title)}</text>'
    across = (_TOP + bottom) / 2
    turned = f'transform="rotate(-90 14 {across})" text-anchor="middle"'
    yield f'<text class="picture-text" x="14" y="{across}" {turned}>{escape(y.axis.title)}</text>'


def _layer(layer: Layer, x: _Scale, y: _Scale) -> Iterator[str]:
    color = color_of(layer.role)
    if isinstance(layer, Points):
        yield from _points(layer, color, x, y)
    elif isinstance(layer, Line):
        yield _path(layer.x, layer.y, x, y, f'stroke="{color}" stroke-width="{layer.width}"', layer.dash)
    elif isinstance(layer, Band):
        outline = [*zip(layer.x, layer.high, strict=True), *reversed([*zip(layer.x, layer.low, strict=True)])]
        places = [(a, b) for u, v in outline if (a := x.at(u)) is not None and (b := y.at(v)) is not None]
        if places:
            yield f'<path fill="{color}" fill-opacity=".16" d="M{"L".join(f"{a} {b}" for a, b in places)}Z"/>'
    elif isinstance(layer, Span | Rule):
        yield from _over_all(layer, color, x, y)


def _over_all(layer: Span | Rule, color: str, x: _Scale, y: _Scale) -> Iterator[str]:
    scale = x if layer.across == "x" else y
    ends = (layer.low, layer.high) if isinstance(layer, Span) else (layer.at, layer.at)
    low, high = scale.at(ends[0]), scale.at(ends[1])
    if low is None or high is None:
        return
    if isinstance(layer, Span):
        begin, size = min(low, high), abs(high - low)
        place = f'x="{begin}" width="{size:.1f}" y="{_TOP}" height="{HEIGHT - _BOTTOM - _TOP}"'
        if layer.across == "y":
            place = f'y="{begin}" height="{size:.1f}" x="{_LEFT}" width="{x.end - _LEFT}"'
        yield f'<rect fill="{color}" fill-opacity=".16" {place}/>'
        return
    line = f"M{low} {_TOP}V{HEIGHT - _BOTTOM}" if layer.across == "x" else f"M{_LEFT} {low}H{x.end}"
    yield f'<path stroke="{color}" stroke-width="1.8"{_dashed(layer.dash)} d="{line}"/>'


def _points(layer: Points, color: str, x: _Scale, y: _Scale) -> Iterator[str]:
    look = mark_of(layer.role)
    size = look.size / 2
    hollow = look.hollow or look.shape == "cross"
    how = f'fill="none" stroke="{color}" stroke-width="1.6"' if hollow else f'fill="{color}"'
    edge = None if layer.at is None else _TOP + _EDGE if layer.at == "top" else HEIGHT - _BOTTOM - _EDGE
    found = []
    for index, across in enumerate(layer.x):
        left, top = x.at(across), edge if edge is not None else y.at(layer.y[index])
        if left is not None and top is not None:
            found.append(_outline(look.shape, left, top, size))
    if found:
        opacity = ' opacity=".35"' if layer.pale else ""
        yield f'<path {how}{opacity} d="{"".join(found)}"/>'


def _outline(shape: str, x: float, y: float, r: float) -> str:
    """The path of a mark at a place."""
    if shape == "cross":
        return f"M{x - r:.1f} {y - r:.1f}l{2 * r} {2 * r}m0 -{2 * r}l-{2 * r} {2 * r}"
    if shape == "square":
        return f"M{x - r:.1f} {y - r:.1f}h{2 * r}v{2 * r}h-{2 * r}z"
    if shape == "diamond":
        return f"M{x} {y - r:.1f}l{r} {r}l-{r} {r}l-{r} -{r}z"
    if shape == "triangle-down":
        return f"M{x - r:.1f} {y - r:.1f}h{2 * r}l-{r} {2 * r}z"
    if shape == "triangle-right":
        return f"M{x - r:.1f} {y - r:.1f}v{2 * r}l{2 * r} -{r}z"
    return f"M{x - r:.1f} {y}a{r} {r} 0 1 0 {2 * r} 0a{r} {r} 0 1 0 -{2 * r} 0"


def _path(xs: Sequence[Place], ys: Sequence[Place], x: _Scale, y: _Scale, how: str, dash: str) -> str:
    steps, pen = [], "M"
    for across, up in zip(xs, ys, strict=True):
        left, top = x.at(across), y.at(up)
        if left is None or top is None:
            pen = "M"
            continue
        steps.append(f"{pen}{left} {top}")
        pen = "L"
    return f'<path fill="none" {how}{_dashed(dash)} d="{"".join(steps)}"/>' if steps else ""


def _dashed(dash: str) -> str:
    return f' stroke-dasharray="{_DASHES[dash]}"' if _DASHES[dash] else ""
