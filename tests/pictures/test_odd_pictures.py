"""Whatever is measured, and whatever people write, both ways of drawing make a sensible picture of it."""

import json
import math
from collections.abc import Callable
from typing import Any

import plotly.graph_objects as go
import pytest
from matplotlib.figure import Figure

from lrtune.service.pictures.drawing import matplotlib_figure, plotly_figure
from lrtune.service.pictures.parts import Axis, Band, Bars, Line, Note, Panel, Picture, Points, Rule, Scale, Span
from lrtune.service.pictures.progress.curves import curves_picture
from lrtune.service.pictures.rate.response import response_picture
from lrtune.service.pictures.rate.schedules import schedules_picture
from lrtune.service.pictures.space.parameters import Tried, parameters_picture
from lrtune.service.rates.schedules import SchedulePreview
from lrtune.service.wire.search_space import FloatParameter
from tests.pictures.progress.test_curves import trial
from tests.pictures.rate.test_response import point, reply

VALUES: dict[str, list[Any]] = {
    "none": [],
    "one": [0.3],
    "equal": [0.5] * 4,
    "zero": [0.0, 0.0],
    "negative": [-3.0, -1.0, 2.0],
    "not finite": ["nan", "inf", "-inf", 0.5],
    "huge": [1e308, -1e308, 1.0],
    "from tiny to huge": [1e-308, 1e308],
    "wide": [1e-6, 1.0, 1e9],
    "all not finite": ["nan", "nan"],
}
PEOPLE = ["<script>alert(1)</script>", "$x^2$ and $", "&lt;b&gt;", "\u202eabc\u202c", "😀", "%{x}", "_hidden", "\\$"]


def response_of(values: list[Any]) -> Picture:
    states = ("complete", "pruned", "running")
    return response_picture(reply([point(n, 10.0**-n, value, states[n % 3]) for n, value in enumerate(values)]))


def curves_of(values: list[Any]) -> Picture:
    trials = [trial(0, 0.1, values), trial(1, 0.2, values, "pruned"), trial(2, 0.3, values, "diverged")]
    shown = {"title": "study s", "metric": "loss", "direction": "minimize", "parameter": "learning_rate"}
    return curves_picture(trials if values else [], **shown, best=0)  # type: ignore[arg-type]


def parameters_of(values: list[Any]) -> Picture:
    space = {"x": FloatParameter(type="float", low=0.0, high=9.0)}
    tried = [Tried(n, "complete", {"x": n}, float(value)) for n, value in enumerate(values)]
    counts = {"complete": len(tried)}
    return parameters_picture(tried, space, title="s", metric="m", direction="maximize", counts=counts)


def schedules_of(values: list[Any]) -> Picture:
    rates = tuple(float(value) for value in values)
    return schedules_picture({"one": SchedulePreview(tuple(range(len(rates))), rates)}, log=len(rates) % 2 == 0)


def every_part_of(values: list[Any]) -> Picture:
    numbers = [float(value) for value in values]
    places = [float(n) for n in range(len(numbers))]
    some = numbers[0] if numbers else math.nan
    layers = [
        Points("complete", places, numbers, "points"),
        Points("failed", places, numbers, at="top", row=1),
        Line("series 1", places, numbers, "line", shade=0.3, told="a line"),
        Band("fit", places, numbers, numbers, "band"),
        Span("answer", some, 2.0, across="y", label="span"),
        Rule("edge", some, across="y", label="rule"),
        Note("here", 0.0, some, below=True),
    ]
    panels = [Panel(Axis("x"), Axis("y", log=log), layers, "panel") for log in (False, True)]
    bars = Panel(Axis("x"), Axis(""), [Bars("plain", [f"bar {n}" for n in places], numbers, starts=places)])
    return Picture("all", [*panels, bars], "said", scale=Scale("rate", 0.1, 0.1, log=True), notes=["a note"])


MAKERS = [response_of, curves_of, parameters_of, schedules_of, every_part_of]


def drawn_by_plotly(picture: Picture) -> dict[str, Any]:
    """As a browser gets it; plotly's own checks find nothing wrong with it."""
    found: dict[str, Any] = json.loads(json.dumps(plotly_figure.figure(picture), allow_nan=False))
    go.Figure(found)
    return found


def drawn_by_matplotlib(picture: Picture) -> Figure:
    figure = matplotlib_figure.figure(picture)
    figure.canvas.draw()
    return figure


@pytest.mark.filterwarnings("ignore:Glyph")
@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
@pytest.mark.parametrize("make", MAKERS)
def test_any_values_are_drawn_both_ways(make: Callable[[list[Any]], Picture], values: list[Any]) -> None:
    picture = make(values)
    found = drawn_by_plotly(picture)
    axes = [axis for name, axis in found["layout"].items() if name.startswith(("xaxis", "yaxis"))]
    assert all(math.isfinite(end) for axis in axes for end in axis.get("range", ()))
    for drawn in drawn_by_matplotlib(picture).axes:
        for low, high in (drawn.get_xlim(), drawn.get_ylim()):
            assert math.isfinite(low)
            assert math.isfinite(high)
            assert low != high
    assert picture.said


@pytest.mark.parametrize("make", [response_of, curves_of, parameters_of])
def test_good_values_are_seen_beside_huge_ones(make: Callable[[list[Any]], Picture]) -> None:
    picture = make([0.9, 0.8, 0.7, 0.6, 0.5, 1e308])
    low, high = picture.panels[0].y.ends or (0.0, 0.0)
    assert low < 0.5 < 0.9 < high < 10


def every_text(found: Any) -> list[str]:
    """All text of a figure but what is no text to plotly."""
    if isinstance(found, dict):
        return [text for key, value in found.items() if key != "meta" for text in every_text(value)]
    if isinstance(found, list):
        return [text for value in found for text in every_text(value)]
    return [found] if isinstance(found, str) else []


@pytest.mark.filterwarnings("ignore:Glyph")
@pytest.mark.parametrize("text", PEOPLE)
def test_what_people_write_is_text_and_nothing_else(text: str) -> None:
    points = [point(n, 10.0**-n, 0.1 * n, optimizer=(text, "b")[n % 2], schedule=text) for n in range(1, 7)]
    found = reply(points, metric=text, study=text, categories={"optimizer": text})
    picture = response_picture(found, reasons={1: text})
    shown = every_text(drawn_by_plotly(picture))
    assert not [one for one in shown for mark in ("<script", "<b>", "$", "\u202e") if mark in one.replace("<br>", "")]
    assert not [one for one in shown if "%{x}" in one]
    figure = drawn_by_matplotlib(picture)
    wanted = "".join(letter if letter.isprintable() else " " for letter in text)
    assert f"optimizer={wanted}: 3 trials" in [axes.get_title(loc="left").replace(r"\$", "$") for axes in figure.axes]


def test_labels_that_matplotlib_would_hide_are_in_the_legend() -> None:
    curve = SchedulePreview((0, 1), (0.1, 0.2))
    figure = drawn_by_matplotlib(schedules_picture({"_mine": curve, "cosine": curve}))
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["_mine", "cosine"]


def test_an_axis_that_all_panels_have_is_shared() -> None:
    x, y = Axis("rate", log=True, ends=(0.1, 10.0)), Axis("loss")
    panels = [Panel(x, y, [Points("complete", [1.0], [float(n)])]) for n in range(3)]
    layout = drawn_by_plotly(Picture("s", panels, "said", columns=2))["layout"]
    assert [layout[f"yaxis{n}"].get("matches") for n in ("", "2", "3")] == [None, "y", "y"]
    assert [layout[f"xaxis{n}"]["title"]["text"] for n in ("", "2", "3")] == ["", "rate", "rate"]
    figure = drawn_by_matplotlib(Picture("s", panels, "said", columns=2))
    assert len({axes.get_ylim() for axes in figure.axes[:3]}) == 1
    assert figure.get_supxlabel() == "rate"


def test_trials_without_a_value_lie_in_rows_a_state() -> None:
    states = ("diverged", "failed")
    picture = response_picture(reply([point(n, 10.0**-n, None, states[n % 2]) for n in range(4)]))
    found = drawn_by_plotly(picture)
    rows = {trace["name"]: set(trace["y"]) for trace in found["data"] if trace.get("customdata")}
    assert rows == {"diverged: 2": {0.98}, "failed: 2": {0.94}}
    assert found["layout"]["yaxis101"]["overlaying"] == "y"


def test_a_line_tells_of_its_trial_and_the_place_pointed_at() -> None:
    data = drawn_by_plotly(curves_of([0.5, 0.4]))["data"]
    line = next(trace for trace in data if trace.get("meta") == {"trial": 1})
    assert line["hovertemplate"] == (
        "trial 1: pruned<br>learning_rate 0.2<br>step %{x:,d}<br>loss %{y:.4g}<extra></extra>"
    )
    assert (line["customdata"], line["opacity"] < 0.5) == ([1, 1], True)


def test_colours_have_a_bar_that_says_what_they_mean() -> None:
    found = drawn_by_plotly(curves_of([0.5, 0.4]))
    (bar,) = [trace["marker"]["colorbar"] for trace in found["data"] if trace.get("marker", {}).get("showscale")]
    assert bar["title"]["text"] == "learning rate"
    assert bar["ticktext"] == ["0.1", "0.2"]
