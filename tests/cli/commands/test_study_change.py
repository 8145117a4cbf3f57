import json
from typing import Any

import httpx2
import pytest

from tests.cli.conftest import Lrtune
from tests.fake_service import STUDY, FakeService


def answer_patches(service: FakeService, **fields: Any) -> None:
    service.fault = lambda request: (
        httpx2.Response(200, json={**STUDY, **fields}) if request.method == "PATCH" else None
    )


def test_set_sends_what_its_flags_say_and_nothing_else(lrtune: Lrtune, service: FakeService, address: str) -> None:
    answer_patches(service, max_trials=40, trials=20)
    ran = lrtune("study", "set", "s", "--max-trials", "40", "--not-paused")
    assert (ran.code, ran.err) == (0, "")
    assert service.calls == [("PATCH", "/v1/studies/s", {"max_trials": 40, "paused": False})]
    assert ran.out == "study s: running, 20 trials so far; now max_trials 40, paused False\n"


def test_set_takes_limits_away_and_reads_a_prior(lrtune: Lrtune, service: FakeService, address: str) -> None:
    answer_patches(service)
    prior = {"learning_rate": {"median": 0.01, "spread_decades": 1.0}}
    ran = lrtune("study", "set", "s", "--max-total-steps", "none", "--prior", json.dumps(prior), "--json")
    assert json.loads(ran.out)["name"] == "s"
    assert service.calls[-1][2] == {"max_total_steps": None, "prior": prior}
    lrtune("study", "set", "s", "--prior", "none", "--short-trainings", "none", "--stopped", "--description", "done")
    assert service.calls[-1][2] == {
        "stopped": True,
        "prior": "none",
        "short_trainings": "none",
        "description": "done",
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [([], "nothing to change: give --max-trials, say"), (["--max-trials", "many"], "neither a whole number nor none")],
)
def test_a_change_that_is_none_is_explained_and_not_sent(
    lrtune: Lrtune, service: FakeService, address: str, arguments: list[str], message: str
) -> None:
    ran = lrtune("study", "set", "s", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert message in ran.err
    assert service.calls == []
