"""A picture as plotly reads it: `data` and `layout`, plain JSON without numbers that JSON has not.

The page that shows it sets the colours of text and grid, which follow its theme.
"""

import math
from typing import Any

from lrtune.service.pictures.drawing.plotly_layers import Layers
from lrtune.service.pictures.drawing.plotly_text import escaped
from lrtune.service.pictures.looks import RAMP
from lrtune.service.pictures.parts import Across, Axis, Panel, Picture, Scale
from lrtune.service.pictures.places import are_short, ends_of, extent, is_fine, is_shared, names_on, place, powers

__all__ = ["escaped", "figure"]

_GAP = 0.08
"""Between panels, as a share of the picture."""
_TITLE = 0.06
"""Above a panel, for its title."""
_ROW = 360
"""The height of a row of panels, in pixels, where there are several."""


def figure(picture: Picture) -> dict[str, Any]:
    """`{"data": [...], "layout": {...}}`."""
    layout: dict[str, Any] = {
        "title": {"text": escaped(picture.title)},
        "shapes": [],
        "annotations": [],
        "barmode": "overlay",
        "meta": picture.said,
    }
    data: list[dict[str, Any]] = []
    columns = min(picture.columns, len(picture.panels)) or 1
    rows = math.ceil(len(picture.panels) / columns)
    if rows > 1:
        layout["height"] = _ROW * rows
    for index, panel in enumerate(picture.panels):
        suffix = "" if index == 0 else str(index + 1)
        layout |= _axes(picture, index, columns, rows)
        if panel.title:
            layout["annotations"].append(_title(panel.title, suffix))
        Layers(data, layout, suffix, panel).draw()
    for note in picture.notes:
        data.append(_note(note))
    if picture.scale is not None:
        data.append(_bar(picture.scale))
    return {"data": data, "layout": layout}


def _axes(picture: Picture, index: int, columns: int, rows: int) -> dict[str, Any]:
    """The two axes of a panel. What all panels have alike is shared: named at the edge of the picture alone."""
    panel = picture.panels[index]
    suffix = "" if index == 0 else str(index + 1)
    across, up = _domains(picture, index, columns, rows)
    x = _axis(panel, "x") | {"domain": across, "anchor": f"y{suffix}"}
    y = _axis(panel, "y") | {"domain": up, "anchor": f"x{suffix}"}
    if is_shared(picture, "x"):
        x |= {"matches": "x"} if index else {}
        if index + columns < len(picture.panels):
            x |= {"title": {"text": ""}, "showticklabels": False}
    if is_shared(picture, "y"):
        y |= {"matches": "y"} if index else {}
        if index % columns:
            y |= {"title": {"text": ""}, "showticklabels": False}
    return {f"xaxis{suffix}": x, f"yaxis{suffix}": y}


def _domains(picture: Picture, index: int, columns: int, rows: int) -> tuple[list[float], list[float]]:
    """Where the panel lies: its ends in shares of the picture's width, and of its height."""
    row, column = divmod(index, columns)
    gap = _GAP / 2 if is_shared(picture, "y") else _GAP
    between = 0.16 if rows < 3 else 0.1
    width, height = (1 - gap * (columns - 1)) / columns, (1 - between * (rows - 1)) / rows
    left, top = column * (width + gap), 1 - row * (height + between)
    titled = _TITLE if any(panel.title for panel in picture.panels) else 0.0
    return [left, min(left + width, 1.0)], [max(top - height, 0.0), top - titled / rows]


def _axis(panel: Panel, across: Across) -> dict[str, Any]:
    axis: Axis = panel.x if across == "x" else panel.y
    named = bool(names_on(panel, across))
    kind = "category" if named else "log" if axis.log else "linear"
    made: dict[str, Any] = {"title": {"text": escaped(axis.title)}, "type": kind}
    if (ends := ends_of(axis)) is not None:
        made["range"] = [math.log10(end) if axis.log else end for end in ends]
    if not named:
        made |= {"exponentformat": "power", "minexponent": 5}
    if axis.log:
        seen = extent(panel, across)
        fine = seen is not None and is_fine(seen)
        made["dtick"] = "D2" if fine else 1
        if fine or (seen is not None and are_short(seen)):
            made["tickformat"] = "~g"
    if axis.bare:
        made["tickvals"] = []
    elif axis.ticks:
        made |= {"tickvals": [at for at, _ in axis.ticks], "ticktext": [escaped(text) for _, text in axis.ticks]}
    elif axis.whole:
        made["tickformat"] = ",d"
        if (seen := extent(panel, across)) is not None and abs(seen[1] - seen[0]) < 5:
            made["dtick"] = 1
    return made


def _title(text: str, suffix: str) -> dict[str, Any]:
    place = {"x": 0, "y": 1, "xref": f"x{suffix} domain", "yref": f"y{suffix} domain"}
    return {"text": escaped(text), "showarrow": False, "xanchor": "left", "yanchor": "bottom", **place}


def _note(text: str) -> dict[str, Any]:
    """A line of the legend that stands for nothing drawn."""
    unseen = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip"}
    return {"x": [None], "y": [None], "name": escaped(text), "showlegend": True, "xaxis": "x", "yaxis": "y", **unseen}


def _bar(scale: Scale) -> dict[str, Any]:
    """The bar that tells what colours mean: of a point that is nowhere, since plotly has it of points alone."""
    axis = Axis(scale.title, log=scale.log)
    low, high = place(axis, scale.low) or 0.0, place(axis, scale.high) or 1.0
    written: dict[str, Any] = {
        "title": {"text": escaped(scale.title), "side": "right"},
        "thickness": 12,
        "outlinewidth": 0,
    }
    if scale.log:
        ticks = powers(low, high)
        written |= {"tickvals": [math.log10(at) for at in ticks], "ticktext": [f"{at:.3g}" for at in ticks]}
        low, high = math.log10(low), math.log10(high)
    colors = [[index / (len(RAMP) - 1), color] for index, color in enumerate(RAMP)]
    marker = {"color": [low], "cmin": low, "cmax": high, "colorscale": colors, "showscale": True, "colorbar": written}
    hidden = {"mode": "markers", "showlegend": False, "hoverinfo": "skip", "xaxis": "x", "yaxis": "y"}
    return {"x": [None], "y": [None], "marker": marker, **hidden}
