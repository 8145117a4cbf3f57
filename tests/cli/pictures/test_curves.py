"""`lrtune study plot --curves`, and how pictures are written."""

import json
from pathlib import Path
from typing import Any

import httpx2
import pytest
from matplotlib.figure import Figure
from PIL import Image

from lrtune.service.cli.pictures.base import save
from lrtune.service.cli.pictures.curves import draw
from lrtune.service.wire.trials import TrialWithCurve
from tests.cli.conftest import Lrtune
from tests.fake_service import TRIAL, FakeService


def trial(number: int, rate: float | None, values: list[Any], state: str = "complete") -> TrialWithCurve:
    curve = [{"step": step, "value": value} for step, value in enumerate(values, 1)]
    params = {"max_depth": 3} if rate is None else {"learning_rate": rate}
    last = len(values) or None
    return TrialWithCurve.model_validate(
        {**TRIAL, "number": number, "params": params, "curve": curve, "state": state, "step": last}
    )


TRIALS = [
    trial(0, 1e-4, [2.3, 2.2, 2.1]),
    trial(1, 1e-2, [1.0, 0.3, 0.1]),
    trial(2, 1e-3, [2.0], "pruned"),
    trial(3, 1.0, [900.0, "nan"], "diverged"),
    trial(4, 10.0, ["nan"], "diverged"),
]


def drawn(trials: list[TrialWithCurve], **how: Any) -> Figure:
    given = {"title": "study s", "metric": "loss", "direction": "minimize", "parameter": "learning_rate"}
    return draw(trials, **(given | how))


def test_every_trial_has_a_curve_and_the_ends_are_marked() -> None:
    figure = drawn(TRIALS, best=1)
    axes, colors = figure.axes
    assert [list(line.get_ydata()) for line in axes.lines[:5]] == [[2.3, 2.2, 2.1], [1.0, 0.3, 0.1], [2.0], [900.0], []]
    assert axes.get_legend_handles_labels()[1] == ["best: trial 1", "diverged (2)", "pruned (1)"]
    assert (axes.get_xlabel(), axes.get_ylabel(), colors.get_ylabel()) == ("step", "loss", "learning rate")


def test_the_ends_of_short_trainings_are_marked() -> None:
    short = trial(5, 1e-2, [1.0, 0.5]).model_copy(update={"max_steps": 2})
    axes = drawn([*TRIALS, short]).axes[0]
    assert axes.get_legend_handles_labels()[1][-1] == "end of short trainings (1)"
    rings = next(line for line in axes.lines if line.get_marker() == "o")
    assert (list(rings.get_xdata()), list(rings.get_ydata())) == ([2], [0.5])


def test_a_loss_that_blew_up_does_not_flatten_the_others() -> None:
    axes = drawn(TRIALS).axes[0]
    low, high = axes.get_ylim()
    assert axes.get_yscale() == "log"
    assert low < 0.1
    assert 2.3 < high < 10
    crosses = next(line for line in axes.lines if line.get_marker() == "x")
    assert list(crosses.get_ydata()) == [high, high]


def test_what_is_maximized_is_shown_whole_and_diverges_downwards() -> None:
    trials = [trial(0, 0.1, [0.1, 0.9, 0.99]), trial(1, 1.0, ["nan"], "diverged")]
    axes = drawn(trials, direction="maximize").axes[0]
    assert axes.get_yscale() == "linear"
    assert axes.get_ylim()[1] > 0.99
    assert next(iter(axes.lines[2].get_ydata())) == axes.get_ylim()[0]


def test_without_a_learning_rate_there_are_no_colours() -> None:
    assert len(drawn([trial(0, None, [0.5, 0.4])], parameter=None).axes) == 1


@pytest.mark.parametrize("values", [["nan"], [0.0, 0.0], [-1.0, 1.0], [5.0], ["inf", "-inf"]])
def test_any_values_can_be_drawn(values: list[Any], tmp_path: Path) -> None:
    save(drawn([trial(0, 0.1, values, "diverged")], best=0), tmp_path / "any.png")
    assert (tmp_path / "any.png").stat().st_size > 0


def test_the_command_fetches_each_curve(
    lrtune: Lrtune, service: FakeService, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def trials(request: httpx2.Request) -> httpx2.Response | None:
        last = request.url.path.rpartition("/")[2]
        if last == "trials":
            unreported = {**TRIAL, "number": 5}
            items = [*(one.model_dump(mode="json", exclude={"curve", "diagnosis"}) for one in TRIALS), unreported]
            return httpx2.Response(200, json={"items": items, "next_cursor": None})
        return httpx2.Response(200, json=TRIALS[int(last)].model_dump(mode="json")) if last.isdigit() else None

    service.fault = trials
    monkeypatch.chdir(tmp_path)
    ran = lrtune("study", "plot", "s", "--curves")
    assert ran.code == 0, ran.err
    assert ran.out == "5 trials drawn\npicture in curves.png\n"
    with Image.open("curves.png") as picture:
        assert picture.size == (1200, 720)
    assert [one["number"] for one in json.loads(lrtune("study", "plot", "s", "--curves", "--json").out)] == [
        0,
        1,
        2,
        3,
        4,
    ]


def test_a_study_without_reports_has_nothing_to_draw(lrtune: Lrtune, service: FakeService, address: str) -> None:
    empty = httpx2.Response(200, json={"items": [TRIAL], "next_cursor": None})
    service.fault = lambda request: empty if request.url.path.endswith("/trials") else None
    ran = lrtune("study", "plot", "s", "--curves")
    assert ran.code == 1
    assert "no trial of study s has reported yet" in ran.err


def test_a_picture_is_a_small_png_that_keeps_its_colours(tmp_path: Path) -> None:
    figure = drawn(TRIALS, best=1)
    save(figure, tmp_path / "small.png")
    figure.savefig(tmp_path / "full.png")
    assert (tmp_path / "small.png").stat().st_size < 0.7 * (tmp_path / "full.png").stat().st_size
    with Image.open(tmp_path / "small.png") as small, Image.open(tmp_path / "full.png") as full:
        assert small.format == "PNG"
        assert small.size == full.size
        shown = {color for _, color in small.convert("RGB").getcolors(1 << 20) or []}
    assert any(red > 180 and green < 70 and blue < 70 for red, green, blue in shown), "the red of what diverged"
    assert (255, 255, 255) in shown
