"""The picture of training curves."""

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from PIL import Image

from lrtune.service.pictures.drawing.matplotlib_figure import figure
from lrtune.service.pictures.drawing.png import png
from lrtune.service.pictures.looks import COLORS, rgb
from lrtune.service.pictures.parts import Line, Picture, Points
from lrtune.service.pictures.progress.curves import MOST_POINTS, curves_picture
from lrtune.service.wire.trials import TrialWithCurve
from tests.fake_service import TRIAL


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


def picture(trials: list[TrialWithCurve], **how: Any) -> Picture:
    given = {"title": "study s", "metric": "loss", "direction": "minimize", "parameter": "learning_rate"}
    return curves_picture(trials, **(given | how))


def drawn(trials: list[TrialWithCurve], **how: Any) -> Figure:
    return figure(picture(trials, **how))


def legend(found: Figure) -> list[str]:
    return [text.get_text() for text in found.legends[0].get_texts()]


def points(found: Picture, role: str) -> Points:
    return next(layer for layer in found.panels[0].layers if isinstance(layer, Points) and layer.role == role)


def lines(found: Picture) -> dict[int, Line]:
    layers = found.panels[0].layers
    return {one.trial: one for one in layers if isinstance(one, Line) and one.trial is not None}


def test_every_trial_has_a_curve_and_the_ends_are_marked() -> None:
    figure = drawn(TRIALS, best=1)
    axes, colors = figure.axes
    curves = [[value for value in line.get_ydata() if value == value] for line in axes.lines]
    assert curves == [[2.3, 2.2, 2.1], [2.0], [900.0], [], [1.0, 0.3, 0.1]], "the best above the others"
    assert legend(figure) == ["best: trial 1", "diverged (2)", "pruned (1)"]
    assert (axes.get_xlabel(), axes.get_ylabel(), colors.get_ylabel()) == ("step", "loss", "learning rate")


def test_each_line_knows_its_trial_and_tells_of_it() -> None:
    found = lines(picture(TRIALS, best=1))
    assert set(found) == {0, 1, 2, 3, 4}
    assert found[2].pale
    assert not found[0].pale
    assert found[1].width > 2 * found[0].width
    assert found[0].told == "trial 0: complete\nlearning_rate 0.0001"
    assert (found[0].shade, found[4].shade) == (0.0, 1.0)


def test_the_ends_of_short_trainings_are_marked() -> None:
    short = trial(5, 1e-2, [1.0, 0.5]).model_copy(update={"max_steps": 2})
    rings = points(picture([*TRIALS, short]), "short")
    assert (rings.label, rings.x, rings.y) == ("end of short trainings (1)", [2], [0.5])


def test_a_loss_that_blew_up_does_not_flatten_the_others() -> None:
    axes = drawn(TRIALS).axes[0]
    low, high = axes.get_ylim()
    assert axes.get_yscale() == "log"
    assert low < 0.1
    assert 2.3 < high < 10
    crosses = points(picture(TRIALS), "diverged")
    assert (crosses.at, crosses.x, crosses.trials) == ("top", [2, 1], [3, 4])


def test_what_is_maximized_is_shown_whole_and_diverges_downwards() -> None:
    trials = [trial(0, 0.1, [0.1, 0.9, 0.99]), trial(1, 1.0, ["nan"], "diverged")]
    axes = drawn(trials, direction="maximize").axes[0]
    assert axes.get_yscale() == "linear"
    assert axes.get_ylim()[1] > 0.99
    assert points(picture(trials, direction="maximize"), "diverged").at == "bottom"


def test_optimizers_differ_in_their_dashes_and_what_has_not_ended_is_marked() -> None:
    def one(number: int, optimizer: str, state: str) -> TrialWithCurve:
        params = {"learning_rate": 0.1, "optimizer": optimizer}
        return trial(number, 0.1, [1.0, 0.5], state).model_copy(update={"params": params})

    found = drawn([one(0, "sgd", "complete"), one(1, "adam", "failed"), one(2, "adam", "running")])
    assert [line.get_linestyle() for line in found.axes[0].lines] == ["--", "-", "-"]
    assert set(legend(found)) == {"optimizer=adam", "optimizer=sgd", "failed (1)", "running (1)"}


def test_a_long_curve_is_thinned_and_keeps_its_extremes() -> None:
    values = [1.0] * 5000
    values[1234], values[4321] = 7.5, -3.0
    line = lines(picture([trial(0, 0.1, values)]))[0]
    assert len(line.x) <= MOST_POINTS
    assert {7.5, -3.0} <= set(line.y)
    assert (line.x[0], line.x[-1]) == (1, 5000)


def test_without_a_learning_rate_there_are_no_colours() -> None:
    assert len(drawn([trial(0, None, [0.5, 0.4])], parameter=None).axes) == 1


def test_a_picture_is_a_small_png_that_keeps_its_colours(tmp_path: Path) -> None:
    found = picture(TRIALS, best=1)
    (tmp_path / "small.png").write_bytes(png(found))
    figure(found).savefig(tmp_path / "full.png")
    assert (tmp_path / "small.png").stat().st_size < 0.7 * (tmp_path / "full.png").stat().st_size
    with Image.open(tmp_path / "small.png") as small, Image.open(tmp_path / "full.png") as full:
        assert small.format == "PNG"
        assert small.size == full.size
        shown = {color for _, color in small.convert("RGB").getcolors(1 << 20) or []}
    wanted = rgb(COLORS["diverged"])
    near = (max(abs(a - b) for a, b in zip(color, wanted, strict=True)) < 40 for color in shown)
    assert any(near), "the red of what diverged"
    assert (255, 255, 255) in shown
