"""Pictures as SVG: well-formed whatever is drawn, without style or script, values where they belong."""

import math
import re
from xml.etree import ElementTree

import pytest

from lrtune.service.pictures.drawing.svg_figure import HEIGHT, WIDTH, svg
from lrtune.service.pictures.drawing.ticks import linear, logarithmic
from lrtune.service.pictures.parts import Axis, Band, Line, Panel, Picture, Points, Rule, Span

NAN = math.nan
ODD = {
    "nothing": [],
    "one point": [Points("complete", [0.1], [1.0])],
    "all equal": [Points("complete", [0.1, 0.1], [1.0, 1.0])],
    "not finite": [Line("fit", [0.1, 0.2, 0.3], [1.0, NAN, math.inf])],
    "huge": [Points("complete", [1e-308, 1e308], [-1e308, 1e308])],
    "on the edge": [Points("diverged", [0.1, 1.0], [None, None], at="top")],
    "all layers": [
        Band("fit", [0.1, 1.0], [1, 2], [2, 3]),
        Line("fit", [0.1, 1.0], [1.5, 2.5], dash="dotted"),
        Span("answer", 0.2, 0.4),
        Rule("edge", 0.9, dash="dashed"),
        Rule("best", 1.0, across="y"),
    ],
}


def _drawn(layers: object, *, log: bool = True, title: str = "rate") -> str:
    panel = Panel(Axis(title, log=log), Axis("loss"), layers)  # type: ignore[arg-type]
    return svg(Picture("study", [panel], said=f"{title} & <more>"))


@pytest.mark.parametrize("log", [True, False])
@pytest.mark.parametrize("name", ODD)
def test_whatever_is_drawn_is_well_formed_and_within_the_picture(name: str, log: bool) -> None:
    text = _drawn(ODD[name], log=log)
    root = ElementTree.fromstring(text)
    assert root.get("viewBox") == f"0 0 {WIDTH} {HEIGHT}"
    assert not re.search(r"nan|inf\b|style=|<script|\bon\w+=", text.replace("picture-", ""))


def test_what_people_wrote_stays_text() -> None:
    text = _drawn([], title='<img src=x onerror="alert(1)">')
    assert "<img" not in text
    assert any("<img" in (found.text or "") for found in ElementTree.fromstring(text).iter())


def test_a_larger_loss_lies_higher_and_a_decade_is_as_wide_everywhere() -> None:
    root = ElementTree.fromstring(_drawn([Line("fit", [0.01, 0.1, 1.0], [1.0, 2.0, 3.0])]))
    (path,) = (found.get("d") or "" for found in root.iter() if found.get("fill") == "none")
    places = [tuple(map(float, pair.split())) for pair in re.split("[ML]", path)[1:]]
    (x0, y0), (x1, y1), (x2, y2) = places
    assert y0 > y1 > y2
    assert x1 - x0 == pytest.approx(x2 - x1, abs=0.2)


def test_panels_stand_beside_each_other() -> None:
    panel = Panel(Axis("rate", log=True), Axis("loss"), [], title="sgd")
    root = ElementTree.fromstring(svg(Picture("study", [panel, panel, panel], said="", columns=2)))
    assert root.get("viewBox") == f"0 0 {WIDTH} {2 * HEIGHT}"
    assert [(one.get("x"), one.get("y")) for one in root] == [("0", "0"), (str(WIDTH // 2), "0"), ("0", str(HEIGHT))]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]), (0.13, 0.42, [0.15, 0.2, 0.25, 0.3, 0.35, 0.4]), (5, 5, [5])],
)
def test_ticks_are_round(low: float, high: float, expected: list[float]) -> None:
    assert linear(low, high) == expected


def test_ticks_of_a_logarithmic_axis_are_powers_of_ten_or_finer() -> None:
    assert logarithmic(1e-5, 1) == [1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1]
    assert logarithmic(0.009, 0.3) == [0.01, 0.02, 0.05, 0.1, 0.2]
    assert len(logarithmic(1e-30, 1)) <= 9
