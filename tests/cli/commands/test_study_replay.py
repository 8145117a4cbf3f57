import json
from typing import Any

import httpx2
import pytest

from tests.cli.conftest import Lrtune
from tests.fake_service import FakeService

REPLAYS: list[dict[str, Any]] = [
    {"trial": 0, "state": "complete", "step": 30, "stopped_at": None, "saved_steps": 0, "explanation": "to its end"},
    {"trial": 1, "state": "pruned", "step": 9, "stopped_at": 3, "saved_steps": 6, "explanation": "rank 9 of 9, cut 4"},
]


@pytest.fixture
def replaying(service: FakeService, address: str) -> FakeService:
    def answer(request: httpx2.Request) -> httpx2.Response | None:
        if request.url.path.endswith("/s/replays"):
            return httpx2.Response(200, json={"items": REPLAYS, "next_cursor": None})
        if request.url.path.endswith("/s/trials/1/replay"):
            return httpx2.Response(200, json=REPLAYS[1])
        return None

    service.fault = answer
    return service


def test_replay_shows_where_each_trial_would_have_been_stopped_and_why(lrtune: Lrtune, replaying: FakeService) -> None:
    ran = lrtune("study", "replay", "s")
    assert ran.code == 0, ran.err
    assert "rank 9 of 9, cut 4" in ran.out
    assert "1 of 2 trials would have been stopped, 6 of 39 steps saved" in ran.out


def test_replay_of_one_trial_as_json(lrtune: Lrtune, replaying: FakeService) -> None:
    ran = lrtune("study", "replay", "s", "--trial", "1", "--json")
    assert json.loads(ran.out) == [REPLAYS[1]]


def test_replay_of_a_study_that_is_not_there_says_so(lrtune: Lrtune, service: FakeService, address: str) -> None:
    ran = lrtune("study", "replay", "nowhere")
    assert (ran.code, ran.out) == (1, "")
    assert "nowhere" in ran.err
