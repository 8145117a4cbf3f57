"""`lrtune study plot --curves`."""

import json
from pathlib import Path

import httpx2
import pytest
from PIL import Image

from tests.cli.conftest import Lrtune
from tests.fake_service import TRIAL, FakeService
from tests.pictures.progress.test_curves import TRIALS


def test_the_command_fetches_each_curve(
    lrtune: Lrtune, service: FakeService, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def trials(request: httpx2.Request) -> httpx2.Response | None:
        last = request.url.path.rpartition("/")[2]
        if last == "trials":
            unreported = {**TRIAL, "number": 5, "state": "failed"}
            items = [*(one.model_dump(mode="json", exclude={"curve", "diagnosis"}) for one in TRIALS), unreported]
            return httpx2.Response(200, json={"items": items, "next_cursor": None})
        return httpx2.Response(200, json=TRIALS[int(last)].model_dump(mode="json")) if last.isdigit() else None

    service.fault = trials
    monkeypatch.chdir(tmp_path)
    ran = lrtune("study", "plot", "s", "--curves")
    assert ran.code == 0, ran.err
    assert ran.out == (
        "The curves of 5 of 6 trials are drawn: the latest that reported, and the best.\n"
        "The picture is in curves.png.\n"
    )
    with Image.open("curves.png") as picture:
        assert picture.size == (1290, 720)
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
