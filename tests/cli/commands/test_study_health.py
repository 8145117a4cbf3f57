"""`lrtune study health`."""

import json

import httpx2
import pytest

from tests.cli.conftest import Lrtune
from tests.fake_service import FakeService

HEALTH = {
    "study": "s",
    "version": 7,
    "cards": [
        {
            "question": "Are failures one bug?",
            "state": "bad",
            "says": "9 of the latest 9 trials failed.",
            "remedy": "Mend [it].",
            "trials": [1, 2],
        },
        {
            "question": "Is a worker hung?",
            "state": "unknown",
            "says": "Nothing to measure.",
            "remedy": "",
            "trials": [],
        },
    ],
}


@pytest.fixture
def ill(service: FakeService, address: str) -> FakeService:
    def answer(request: httpx2.Request) -> httpx2.Response | None:
        return httpx2.Response(200, json=HEALTH) if request.url.path.endswith("/s/health") else None

    service.fault = answer
    return service


def test_health_shows_each_question_with_its_answer(lrtune: Lrtune, ill: FakeService) -> None:
    ran = lrtune("study", "health", "s")
    assert ran.code == 0, ran.err
    for told in ("Are failures one bug?", "Wrong", "Mend [it].", "Not known yet", "Nothing to measure."):
        assert told in ran.out


def test_health_as_json_is_what_the_service_says(lrtune: Lrtune, ill: FakeService) -> None:
    assert json.loads(lrtune("study", "health", "s", "--json").out) == HEALTH


def test_health_of_a_study_that_is_not_there_says_so(lrtune: Lrtune, service: FakeService, address: str) -> None:
    ran = lrtune("study", "health", "nowhere")
    assert (ran.code, ran.out) == (1, "")
    assert "nowhere" in ran.err
