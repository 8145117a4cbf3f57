"""The picture of loss over learning rate, by what is drawn on it."""

import math
from typing import Any

import numpy as np
import pytest
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure

from lrtune.service.pictures.drawing.matplotlib_figure import figure
from lrtune.service.pictures.parts import Panel, Picture, Points, Rule, Span
from lrtune.service.pictures.rate.response import response_picture
from lrtune.service.wire.range_tests import RangeTestFindings
from lrtune.service.wire.responses import LearningRateResponse
from tests.fake_service import RESPONSE

NOTHING: dict[str, Any] = {
    "categories": {},
    "points": [],
    "fit": None,
    "suggested": None,
    "interval": None,
    "max_stable_learning_rate": None,
}


def point(trial: int, rate: float, value: Any, state: str = "complete", **categories: str) -> dict[str, Any]:
    return {"trial": trial, "learning_rate": rate, "value": value, "state": state, "categories": categories}


def reply(points: list[dict[str, Any]], **fields: Any) -> LearningRateResponse:
    return LearningRateResponse.model_validate({**RESPONSE, **NOTHING, "points": points, **fields})


def draw(found: LearningRateResponse) -> Figure:
    return figure(response_picture(found))


def legends(figure: Figure) -> list[list[str]]:
    """The lines of each legend, its title first."""
    return [[one.get_title().get_text(), *(text.get_text() for text in one.get_texts())] for one in figure.legends]


def titles(figure: Figure) -> list[str]:
    return [axes.get_title(loc="left") for axes in figure.axes]


def places(figure: Figure) -> set[float]:
    """The rates at which the panels have a mark."""
    found: set[float] = set()
    for axes in figure.axes:
        for marks in axes.collections:
            if isinstance(marks, PathCollection):
                found |= {round(float(x), 9) for x in np.asarray(marks.get_offsets())[:, 0]}
    return found


EVERY = [
    point(0, 1e-4, 2.0),
    point(1, 1e-2, 0.1),
    point(2, 2e-3, 0.9, "pruned"),
    point(3, 0.5, None, "diverged"),
    point(4, 1e-3, None, "failed"),
    point(5, 3e-3, 0.7, "running"),
    point(6, 4e-3, None, "running"),
    point(7, 5e-3, 0.5, "paused"),
    point(8, 6e-3, 1.0, "short"),
    point(9, 7e-3, 1.5, "waiting"),
]


def test_every_trial_is_drawn_and_the_legend_adds_up_to_the_title() -> None:
    figure = draw(reply(EVERY))
    assert places(figure) == {one["learning_rate"] for one in EVERY}
    title = figure.get_suptitle()
    (lines,) = legends(figure)
    numbers = [int(line.rpartition(": ")[2]) for line in lines[1:] if not line.startswith("best")]
    assert (title, sum(numbers)) == ("study s: 10 trials", 10)
    assert "best: trial 1 at 0.01" in lines


def test_where_trials_are_left_out_the_title_and_the_legend_say_so() -> None:
    figure = draw(reply(EVERY[:2], counts={"complete": 4000, "failed": 1000}))
    assert figure.get_suptitle() == "study s: 2 of 5000 trials drawn"
    assert {"complete: 2 of 4000", "failed: 0 of 1000"} <= set(legends(figure)[0])


TWO = [
    *(point(n, 10.0**-n, 0.1 * abs(n - 3) + 0.1, optimizer="adam", schedule="flat") for n in range(1, 6)),
    *(point(9 + n, 1.3 * 10.0**-n, 0.1 * abs(n - 1) + 0.2, optimizer="sgd", schedule="flat") for n in range(1, 6)),
]
FIT = {
    "learning_rates": [1e-6, 1e-5, 1e-3, 1e-1, 1.0],
    "mean": [0.4, 0.3, 0.1, 0.3, 0.4],
    "low": [0.3, 0.2, 0.05, 0.2, 0.3],
    "high": [0.5, 0.4, 0.2, 0.4, 0.5],
    "noise": [0.1] * 5,
}
ADAM = {
    "categories": {"optimizer": "adam", "schedule": "flat"},
    "fit": FIT,
    "suggested": 1e-3,
    "interval": [5e-4, 2e-3],
    "max_stable_learning_rate": 0.3,
    "bounds": [1e-6, 1.0],
}


def test_each_optimizer_has_its_panel_and_fit_interval_and_boundary_are_in_the_suggested_ones() -> None:
    figure = draw(reply(TWO, **ADAM))
    adam, sgd = figure.axes
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "optimizer=adam: 5 trials",
        "optimizer=sgd: 5 trials",
    ]
    assert (len(adam.lines), len(sgd.lines)) == (5, 2), "mean, suggestion and boundary; the searched bounds in both"
    title, *lines = legends(figure)[1]
    assert title == "fit, interval and boundary:\noptimizer=adam, schedule=flat"
    assert lines == [
        "9 of 10 new runs",
        "fitted mean",
        "interval 0.0005 to 0.002",
        "suggested 0.001",
        "diverges above 0.3 with adam, flat",
        "searched 1e-06 to 1",
    ]


def test_the_mean_ends_where_nothing_was_tried() -> None:
    figure = draw(reply(TWO, **ADAM))
    mean = next(line for line in figure.axes[0].lines if len(np.asarray(line.get_xdata())) > 2)
    assert list(np.asarray(mean.get_xdata(), dtype=float)) == [1e-5, 1e-3, 1e-1]
    low, high = figure.axes[0].get_xlim()
    assert low < 1e-6 < 1.0 < high, "the axis is of the searched bounds"


def test_the_parameter_that_matters_most_makes_the_panels() -> None:
    schedules = ("cosine", "flat")
    points = [{**one, "categories": {**one["categories"], "batch": schedules[one["trial"] % 2]}} for one in TWO]
    figure = draw(reply(points, **ADAM))
    assert [axes.get_title(loc="left").partition(":")[0] for axes in figure.axes] == ["optimizer=adam", "optimizer=sgd"]
    assert {f"batch={one}" for one in schedules} <= set(legends(figure)[0]), "the second is told by shape"


def test_of_many_choices_the_others_share_a_panel() -> None:
    points = [point(n, 10.0 ** -(n % 5), 0.1 + n, optimizer="abcdefg"[n % 7]) for n in range(21)]
    figure = draw(reply(points, categories={"optimizer": "a"}))
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "optimizer=a: 3 trials",
        "other optimizer: 18 trials",
    ]


def test_a_huge_loss_neither_hides_the_others_nor_is_it_hidden() -> None:
    figure = draw(reply([*(point(n, 10.0**-n, 0.1 * n) for n in range(1, 6)), point(7, 0.9, 1e30)]))
    (axes,) = figure.axes
    low, high = axes.get_ylim()
    assert (axes.get_yscale(), low < 0.1, high < 1e6) == ("log", True, True)
    assert "1 of them past the axis, up to 1e+30" in legends(figure)[0]
    assert 0.9 in places(figure)


def test_what_is_maximized_has_its_trials_without_a_value_at_the_bottom() -> None:
    figure = draw(
        reply([point(0, 1e-2, 0.9), point(1, 1e-3, 0.02), point(2, 0.5, None, "diverged")], direction="maximize")
    )
    (axes,) = figure.axes
    assert axes.get_yscale() == "linear"
    heights = [float(y) for marks in axes.collections for x, y in np.asarray(marks.get_offsets()) if x == 0.5]
    assert heights == [0.03], "of the height of the axes"
    assert "best: trial 0 at 0.01" in legends(figure)[0]


@pytest.mark.parametrize(
    "values", [[], [0.0, 0.0], [-1.0, 1.0], [1e-3, 1e3], [5.0], [1e300, -1e300], ["inf", 1.0], [None], [1e-308, 1e308]]
)
@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_any_values_can_be_drawn(values: list[Any], direction: str, tmp_path: Any) -> None:
    points = [point(n, 0.1, value, "failed" if value is None else "complete") for n, value in enumerate(values)]
    figure = draw(reply(points, direction=direction))
    figure.savefig(tmp_path / "any.png")
    low, high = figure.axes[0].get_ylim()
    assert -math.inf < low < high < math.inf


@pytest.mark.parametrize(("direction", "said"), [("minimize", "up to 1e+30"), ("maximize", "down to -1e+30")])
def test_what_lies_past_the_axis_is_an_arrow_at_its_worse_end(direction: str, said: str) -> None:
    sign = 1.0 if direction == "minimize" else -1.0
    good = [point(n, 10.0**-n, sign * 0.1 * n) for n in range(1, 6)]
    figure = draw(reply([*good, point(7, 0.9, sign * 1e30)], direction=direction))
    assert f"1 of them past the axis, {said}" in legends(figure)[0]
    (axes,) = figure.axes
    alone = [marks for marks in axes.collections if isinstance(marks, PathCollection) and len(marks.get_offsets()) == 1]
    ends = [
        float(np.asarray(marks.get_offsets())[0, 1]) for marks in alone if np.asarray(marks.get_offsets())[0, 0] == 0.9
    ]
    assert len(ends) == 1, "it is drawn alone, not as one of the dots"
    assert sign * ends[0] > 0.5, "past all others"


def test_values_that_no_axis_can_hold_lie_along_its_edge() -> None:
    draw(reply([point(0, 0.1, 1.7e308), point(1, 0.01, -1.7e308), point(2, 0.001, 1.0)])).canvas.draw()


def findings(**fields: Any) -> RangeTestFindings:
    known = {"recommended": 2e-3, "bounds": [1e-4, 1e-2], "diverged_at": None, "signal": True, "reason": "It falls."}
    rules = dict.fromkeys(("valley", "steepest", "slide", "minimum_over_10"))
    return RangeTestFindings.model_validate({"suggestions": rules, **known, **fields})


def by_title(picture: Picture, start: str) -> Panel:
    return next(panel for panel in picture.panels if panel.title.startswith(start))


@pytest.mark.parametrize(("optimizer", "panel"), [("sgd", "optimizer=sgd"), ("adam", "optimizer=adam"), (None, None)])
def test_the_range_test_is_in_the_panel_of_its_optimizer_and_in_all_where_none_was_said(
    optimizer: str | None, panel: str | None
) -> None:
    picture = response_picture(reply(TWO, **ADAM), test=findings(), optimizer=optimizer)
    for one in picture.panels:
        spans = [layer for layer in one.layers if isinstance(layer, Span) and layer.role == "range test"]
        rules = [layer.at for layer in one.layers if isinstance(layer, Rule) and layer.role == "range test"]
        shown = panel is None or one is by_title(picture, panel)
        assert ([(span.low, span.high) for span in spans], rules) == (([(1e-4, 1e-2)], [2e-3]) if shown else ([], []))


def test_a_trial_tells_what_it_was_and_why_it_was_drawn() -> None:
    picture = response_picture(reply(TWO, **ADAM), reasons={1: "repeats trial 7 with another seed"})
    points = [layer for layer in by_title(picture, "optimizer=adam").layers if isinstance(layer, Points)]
    told = {trial: text for layer in points for trial, text in zip(layer.trials, layer.texts, strict=False)}
    assert told[1].split("\n") == [
        "trial 1: complete",
        "learning rate 0.1",
        "loss 0.3",
        "optimizer adam",
        "schedule flat",
        "repeats trial 7 with another seed",
    ]


def test_choices_that_are_numbers_have_panels_of_their_own() -> None:
    points = [{**point(n, 10.0**-n, 0.1 * n), "categories": {"batch_size": 32 * (1 + n % 2)}} for n in range(1, 7)]
    picture = response_picture(reply(points, categories={"batch_size": 64}))
    assert [panel.title for panel in picture.panels] == ["batch_size=64: 3 trials", "batch_size=32: 3 trials"]


def test_what_is_seen_is_said() -> None:
    said = response_picture(reply(TWO, **ADAM)).said
    assert said.startswith("10 trials: 10 complete.")
    assert "Training tends to diverge above 0.3 with optimizer=adam" in said
