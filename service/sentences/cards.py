"""What a notebook shows of a study, a suggestion, a trial: a small page of its own, of values alone.

Everything is escaped; colours are those of the notebook, light or dark, and nothing is fetched.
"""

import math
from collections.abc import Iterable, Sequence
from html import escape

_CARD = (
    "display:inline-block;max-width:46em;border:1px solid rgba(128,128,128,.4);border-radius:6px;padding:10px 14px;"
    "font-family:system-ui,sans-serif;font-size:13px;line-height:1.5;color:inherit;background:transparent"
)
_TABLE = "border-collapse:collapse;margin:0;font-size:inherit;color:inherit;background:transparent"
_LABEL = "text-align:left;padding:1px 14px 1px 0;opacity:.65;font-weight:normal;vertical-align:top;white-space:nowrap"
_VALUE = "text-align:left;padding:1px 0;font-variant-numeric:tabular-nums;overflow-wrap:anywhere"
_GOOD, _CALM = "#00916a", "#1f86c9"
_WIDE, _HIGH = 320, 34


def card(title: str, rows: Iterable[tuple[str, str]], *, picture: str = "", said: str = "") -> str:
    """A title, an SVG `picture` that was made here, facts by their labels, and a sentence; empty facts are left out."""
    body = "".join(
        f'<tr style="background:transparent"><th style="{_LABEL}">{escape(label)}</th>'
        f'<td style="{_VALUE}">{escape(value)}</td></tr>'
        for label, value in rows
        if value
    )
    table = f'<table style="{_TABLE}">{body}</table>'
    note = f'<div style="margin-top:4px;opacity:.8">{escape(said)}</div>' if said else ""
    return f'<div style="{_CARD}"><div style="font-weight:600">{escape(title)}</div>{picture}{table}{note}</div>'


def interval_svg(
    bounds: tuple[float, float] | None, interval: tuple[float, float] | None, at: float | None, ends: tuple[str, str]
) -> str:
    """Where a rate and its interval lie on a logarithmic axis, from `bounds` or a decade around; `ends` are written at
    the interval's."""
    shown = [value for value in (*(interval or ()), at) if value is not None and 0 < value < math.inf]
    if not shown:
        return ""
    low, high = bounds or (min(shown) / 10, max(shown) * 10)
    if not 0 < low < high:
        return ""

    def place(value: float) -> float:
        share = (math.log(value) - math.log(low)) / (math.log(high) - math.log(low))
        return round(8 + min(max(share, 0.0), 1.0) * (_WIDE - 16), 1)

    parts = [f'<line x1="8" x2="{_WIDE - 8}" y1="10" y2="10" stroke="currentColor" stroke-opacity=".35"/>']
    if interval is not None:
        left, right = place(interval[0]), place(interval[1])
        parts.append(
            f'<line x1="{left}" x2="{max(right, left + 1)}" y1="10" y2="10" stroke="{_GOOD}" stroke-width="5" '
            'stroke-linecap="round"/>'
        )
        anchors = ((left, "start" if left < 40 else "end"), (right, "end" if right > _WIDE - 40 else "start"))
        parts += [_text(where, anchor, end) for (where, anchor), end in zip(anchors, ends, strict=True)]
    if at is not None and 0 < at < math.inf:
        parts.append(f'<circle cx="{place(at)}" cy="10" r="5" fill="{_GOOD}" stroke="#fff" stroke-width="1.5"/>')
    return _svg(parts, "the suggested rate and its interval")


def curve_svg(steps: Sequence[float], values: Sequence[float]) -> str:
    """A curve as a line, over its steps; values that are not finite are gaps."""
    finite = [value for value in values if math.isfinite(value)]
    if len(finite) < 2:
        return ""
    low, high, first, last = min(finite), max(finite), min(steps), max(steps)
    lines, line = [], list[str]()
    for step, value in zip(steps, values, strict=True):
        if math.isfinite(value):
            x = 4 + (_WIDE - 8) * ((step - first) / (last - first) if last > first else 0.5)
            share = (value / 2 - low / 2) / (high / 2 - low / 2) if high > low else 0.5  # Halved: no overflow.
            line.append(f"{x:.1f},{_HIGH - 4 - (_HIGH - 8) * share:.1f}")
        elif line:
            lines.append(line)
            line = []
    lines.append(line)
    drawn = [f'<polyline points="{" ".join(one)}" fill="none" stroke="{_CALM}" stroke-width="1.6"/>' for one in lines]
    return _svg(drawn, "the curve")


def _svg(parts: Sequence[str], label: str) -> str:
    size = f'width="{_WIDE}" height="{_HIGH}" viewBox="0 0 {_WIDE} {_HIGH}"'
    style = "display:block;margin:6px 0;max-width:100%"
    return f'<svg {size} role="img" aria-label="{escape(label)}" style="{style}">{"".join(parts)}</svg>'


def _text(x: float, anchor: str, text: str) -> str:
    where = f'x="{x}" y="29" text-anchor="{anchor}"'
    return f'<text {where} font-size="11" fill="currentColor" font-family="system-ui,sans-serif">{escape(text)}</text>'
