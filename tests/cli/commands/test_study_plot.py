"""`lrtune study plot`, and the diagnosis in `lrtune study show`."""

import json
from pathlib import Path

import httpx2

from tests.cli.conftest import Lrtune
from tests.fake_service import RESPONSE, STUDY, TRIAL, FakeService

PNG = b"\x89PNG\r\n"


def test_plot_writes_a_picture_and_says_where(lrtune: Lrtune, address: str, tmp_path: Path) -> None:
    picture = tmp_path / "response.png"
    ran = lrtune("study", "plot", "s", "--plot", str(picture))
    assert ran.code == 0, ran.err
    assert picture.read_bytes().startswith(PNG)
    assert ran.out == (
        "4 trials: 3 complete and 1 diverged.\n"
        "Training tends to diverge above 0.1 with optimizer=sgd. Fit, interval and boundary are of trials with "
        f"optimizer=sgd.\nThe picture is in {picture}.\n"
    )
    shown = json.loads(lrtune("study", "plot", "s", "--plot", str(picture), "--json").out)
    assert {name: shown[name] for name in RESPONSE if name != "points"} == {
        name: value for name, value in RESPONSE.items() if name != "points"
    }
    assert [point | {"categories": {}} for point in RESPONSE["points"]] == shown["points"]


def test_a_picture_that_cannot_be_written_is_one_line(lrtune: Lrtune, address: str, tmp_path: Path) -> None:
    ran = lrtune("study", "plot", "s", "--plot", str(tmp_path / "nowhere" / "response.png"))
    assert ran.code == 1
    assert "cannot be written" in ran.err
    assert ran.err.count("\n") == 1


def test_a_study_without_a_rate_is_drawn_over_its_other_numbers(
    lrtune: Lrtune, service: FakeService, address: str, tmp_path: Path
) -> None:
    space = {"max_depth": {"type": "int", "low": 1, "high": 9}, "criterion": {"type": "categorical", "choices": ["a"]}}
    nothing = {"parameter": None, "points": [], "fit": None, "suggested": None, "interval": None, "categories": {}}

    def answer(request: httpx2.Request) -> httpx2.Response | None:
        path = request.url.path
        if path.endswith("/response"):
            return httpx2.Response(200, json={**RESPONSE, **nothing, "max_stable_learning_rate": None})
        if path.endswith("/studies/s"):
            return httpx2.Response(200, json={**STUDY, "search_space": space})
        if path.endswith("/trials"):
            trial = {**TRIAL, "params": {"max_depth": 3, "criterion": "a"}, "state": "complete", "value": 0.5}
            return httpx2.Response(200, json={"items": [trial], "next_cursor": None})
        return None

    service.fault = answer
    picture = tmp_path / "depth.png"
    ran = lrtune("study", "plot", "s", "--plot", str(picture))
    assert ran.code == 0, ran.err
    assert picture.read_bytes().startswith(PNG)
    assert ran.out == (
        "Study s searches no learning rate, so its metric is drawn over 1 numeric parameter instead.\n"
        f"1 trial: 1 complete.\nThe picture is in {picture}.\n"
    )


def test_show_says_what_the_curves_say(lrtune: Lrtune, service: FakeService, address: str) -> None:
    out = " ".join(lrtune("study", "show", "s").out.split())
    assert "best trial 17" in out
    assert "latest trial 24" in out
    assert "learning rate too_low: falls slowly; ends at 0.3, short of the best, 0.1" in out
