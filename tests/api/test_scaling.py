"""`POST /v1/scaling`."""

import json
import math
from typing import Any

import pytest
from starlette.testclient import TestClient

from lrtune.service.rates.scaling import OPTIMIZERS
from tests.api.calls import Json, assert_problem

BODY: Json = {"learning_rate": 1e-3, "batch_size": 64, "new_batch_size": 256, "optimizer": "adamw"}


def scaled(client: TestClient, **changed: Any) -> Json:
    response = client.post("/v1/scaling", json=BODY | changed)
    assert response.status_code == 200, response.text
    found: Json = response.json()
    return found


def test_adam_scales_with_the_square_root_and_says_what_else_must_move(client: TestClient) -> None:
    found = scaled(client)
    assert (found["rule"], found["batch_factor"], found["horizon_factor"]) == ("sqrt", 4.0, 1.0)
    assert found["learning_rate"] == pytest.approx(2e-3)
    assert found["betas"] == pytest.approx([0.6, 0.996])
    assert found["epsilon"] == pytest.approx(5e-9)
    assert "Malladi" in found["reason"]
    assert any("rises with the batch size and then falls" in limit for limit in found["limits"])


def test_sgd_scales_linearly(client: TestClient) -> None:
    found = scaled(client, optimizer="sgd", total_steps=9000, new_total_steps=1000)
    assert found["rule"] == "linear"
    assert found["learning_rate"] == pytest.approx(4e-3 * 10**0.25)
    assert found["betas"] is None


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_gets_an_answer_or_hears_that_there_is_no_rule(client: TestClient, optimizer: str) -> None:
    found = scaled(client, optimizer=optimizer)
    assert (found["learning_rate"] is None) == (found["rule"] == "none")
    assert found["reason"]


@pytest.mark.parametrize("field", ["learning_rate", "epsilon"])
@pytest.mark.parametrize("value", [0, -1e-3, math.inf, -math.inf, math.nan, "1e-3", True])
def test_a_rate_that_is_none_is_refused_by_name(client: TestClient, field: str, value: Any) -> None:
    content = json.dumps(BODY | {field: value})
    response = client.post("/v1/scaling", content=content, headers={"content-type": "application/json"})
    assert assert_problem(response, 422, "invalid-body")["errors"][0]["loc"] == [field]


@pytest.mark.parametrize(
    ("changed", "loc", "said"),
    [
        ({"new_batch_size": 640}, ["new_batch_size"], "reaches to 639"),
        ({"new_batch_size": 512, "betas": [0.8, 0.99]}, ["new_batch_size"], "reaches to 319"),
        ({"betas": [0.9]}, ["betas"], "must be 2"),
        ({"betas": [0.9, 1.0]}, ["betas", 1], "less than 1"),
        ({"optimizer": "sgd", "betas": [0.9, 0.99]}, ["betas"], "leave them out"),
        ({"optimizer": "lion"}, ["optimizer"], "known are sgd, momentum"),
        ({"total_steps": 100}, ["new_total_steps"], "is missing"),
        ({"total_steps": 0, "new_total_steps": 1}, ["total_steps"], "must be at least 1"),
        ({"batch_size": 0}, ["batch_size"], "must be at least 1"),
        ({"new_batch_size": 1.5}, ["new_batch_size"], "integer"),
    ],
)
def test_what_has_no_answer_is_refused_by_name(client: TestClient, changed: Json, loc: list[Any], said: str) -> None:
    body = assert_problem(client.post("/v1/scaling", json=BODY | changed), 422, "invalid-body")
    assert body["errors"][0]["loc"] == loc
    assert said in body["errors"][0]["msg"]


@pytest.mark.parametrize("rate", [5e-324, 1e308])
def test_rates_at_the_ends_of_what_floats_hold_are_answered_or_refused(client: TestClient, rate: float) -> None:
    for factor in (2**53, 1):
        sizes = {"new_batch_size": factor, "batch_size": 2**53 // factor}
        body = BODY | sizes | {"optimizer": "sgd", "learning_rate": rate}
        response = client.post("/v1/scaling", json=body)
        assert response.status_code in (200, 422), response.text
