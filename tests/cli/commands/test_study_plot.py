"""`lrtune study plot`, and the diagnosis in `lrtune study show`."""

import json
from pathlib import Path

import pytest

from lrtune.service.cli.pictures.response import draw
from lrtune.service.wire.responses import LearningRateResponse
from tests.cli.conftest import Lrtune
from tests.fake_service import RESPONSE, FakeService

PNG = b"\x89PNG\r\n"


def test_plot_writes_a_picture_and_says_where(lrtune: Lrtune, address: str, tmp_path: Path) -> None:
    picture = tmp_path / "response.png"
    ran = lrtune("study", "plot", "s", "--plot", str(picture))
    assert ran.code == 0, ran.err
    assert picture.read_bytes().startswith(PNG)
    assert ran.out == f"4 trials drawn; diverges above 0.1\npicture in {picture}\n"
    assert json.loads(lrtune("study", "plot", "s", "--plot", str(picture), "--json").out) == RESPONSE


def test_a_picture_that_cannot_be_written_is_one_line(lrtune: Lrtune, address: str, tmp_path: Path) -> None:
    ran = lrtune("study", "plot", "s", "--plot", str(tmp_path / "nowhere" / "response.png"))
    assert ran.code == 1
    assert "cannot be written" in ran.err
    assert ran.err.count("\n") == 1


def test_everything_is_marked_once() -> None:
    figure = draw(LearningRateResponse.model_validate(RESPONSE))
    (axes,) = figure.axes
    labels = [label for label in axes.get_legend_handles_labels()[1] if label]
    assert sorted(labels) == [
        "9 of 10 new runs",
        "diverged (1)",
        "diverges above 0.1",
        "fitted mean",
        "interval 0.005 to 0.02",
        "suggested 0.01",
        "trials",
    ]
    assert axes.get_xscale() == "log"
    assert axes.get_xlabel() == "learning rate"
    assert axes.get_ylabel() == "loss"
    assert "optimizer=sgd" in axes.get_title(loc="left")


@pytest.mark.parametrize("values", [[], [0.0, 0.0], [-1.0, 1.0], [1e-3, 1e3]])
def test_any_values_can_be_drawn(values: list[float], tmp_path: Path) -> None:
    points = [{"trial": i, "learning_rate": 0.1, "value": value, "state": "complete"} for i, value in enumerate(values)]
    nothing = {"points": points, "fit": None, "suggested": None, "interval": None, "max_stable_learning_rate": None}
    figure = draw(LearningRateResponse.model_validate({**RESPONSE, **nothing}))
    figure.savefig(tmp_path / "any.png")
    assert (figure.axes[0].get_yscale() == "log") == (values == [1e-3, 1e3])


def test_show_says_what_the_curves_say(lrtune: Lrtune, service: FakeService, address: str) -> None:
    out = " ".join(lrtune("study", "show", "s").out.split())
    assert "best trial 17" in out
    assert "latest trial 24" in out
    assert "learning rate too_low: falls slowly; ends at 0.3, short of the best, 0.1" in out
