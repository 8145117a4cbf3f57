"""`POST /v1/suggestions`, and the prior of a study, over HTTP."""

import math
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.api.calls import Json
from tests.api.conftest import NewStudy, create


def suggested(client: TestClient, **body: object) -> Json:
    response = client.post("/v1/suggestions", json=body)
    assert response.status_code == 200, response.text
    found: Json = response.json()
    return found


@pytest.mark.parametrize(
    ("body", "rate"),
    [
        ({}, 1e-3),
        ({"optimizer": "adamw"}, 1e-3),
        ({"optimizer": "SGD"}, 1e-2),
        ({"optimizer": "AdaDelta"}, 1.0),
        ({"optimizer": "schedule_free"}, 2.5e-3),
        ({"optimizer": "nesterov", "batch_size": 256, "total_steps": 10_000, "family": "cnn"}, 1e-2),
        ({"optimizer": "nobody-knows-this-one"}, 1e-3),
        ({"family": "unheard of"}, 1e-3),
        ({"family": "lora"}, 2e-4),
        ({"family": "LoRA", "optimizer": "AdamW"}, 2e-4),
        ({"family": "lora-dpo", "optimizer": "adamw"}, 5e-6),
        ({"family": "lora", "optimizer": "sgd"}, 1e-2),
    ],
)
def test_without_history_the_usual_rate_answers(own_client: TestClient, body: Json, rate: float) -> None:
    found = suggested(own_client, **body)
    assert (found["basis"], found["learning_rate"], found["trials"]) == ("prior", rate, 0)
    assert found["interval"] == [pytest.approx(rate / 10), pytest.approx(rate * 10)]
    assert found["params"]["learning_rate"] == rate
    assert "The usual rate" in found["explanation"]


def test_past_studies_answer_by_optimizer_and_family_scaled_to_the_batch_size(each_client: TestClient) -> None:
    for best in (0.05, 0.1, 0.2):
        study = create(each_client, tags={"optimizer": "sgd-of-old", "family": "resnet", "batch_size": "64"})
        for rate in (1e-6, 1e-5, 1e-4, 1e-3, best):
            value = math.sqrt(abs(math.log10(rate / best)))
            assert study.post("/trials/record", {"params": {"learning_rate": rate}, "value": value}).status_code == 201
    found = suggested(each_client, optimizer="SGD-of-old")
    assert found["learning_rate"] == pytest.approx(0.1)
    assert "The median best rate of 3 studies with sgd-of-old here is 0.1" in found["explanation"]
    assert found["interval"][0] < 0.05
    assert found["interval"][1] > 0.2
    assert suggested(each_client, family="resnet")["learning_rate"] == pytest.approx(0.1)
    new = create(each_client, tags={"optimizer": "sgd-of-old"})
    assert new.get("/suggestion")["learning_rate"] == pytest.approx(0.1)
    assert new.get()["prior"] == "auto"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("optimizer", ""),
        ("optimizer", 3),
        ("optimizer", "a\0b"),
        ("optimizer", "x" * 201),
        ("batch_size", 0),
        ("batch_size", -1),
        ("batch_size", 1.5),
        ("batch_size", 2**31),
        ("total_steps", 0),
        ("total_steps", "many"),
        ("family", ""),
        ("learning_rate", 0.1),
    ],
)
def test_a_bad_field_is_named(client: TestClient, field: str, value: object) -> None:
    response = client.post("/v1/suggestions", json={field: value})
    assert response.status_code == 422
    assert field in [part for error in response.json()["errors"] for part in error["loc"]]


@pytest.mark.parametrize(
    "prior",
    [
        "sometimes",
        {"learning_rate": {"median": 0}},
        {"learning_rate": {"median": -1e-3}},
        {"learning_rate": {"median": "inf"}},
        {"learning_rate": {"median": "nan"}},
        {"learning_rate": {"median": 1e-3, "spread_decades": 0}},
        {"learning_rate": {"median": 1e-3, "spread_decades": -1}},
        {"learning_rate": {"spread_decades": 1}},
        {"rate": {"median": 1e-3}},
        {},
        None,
        7,
    ],
)
def test_a_prior_that_is_none_is_refused(client: TestClient, prior: Any) -> None:
    response = client.post("/v1/studies", json={"name": "refused", "prior": prior})
    assert response.status_code == 422
    assert "prior" in [part for error in response.json()["errors"] for part in error["loc"]]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_a_median_that_json_cannot_hold_is_refused(client: TestClient, number: str) -> None:
    body = f'{{"name": "refused", "prior": {{"learning_rate": {{"median": {number}}}}}}}'
    response = client.post("/v1/studies", content=body, headers={"content-type": "application/json"})
    assert response.status_code == 422


def test_a_range_test_and_a_prior_meet_halfway_in_logs(new_study: NewStudy) -> None:
    prior = {"learning_rate": {"median": 1e-4}}
    study = new_study(prior=prior)
    assert study.get("/suggestion")["learning_rate"] == 1e-4
    rates = [10 ** (-6 + number * 0.06) for number in range(100)]
    losses = [2.3 - 1.5 / (1 + (1e-2 / rate) ** 2) + (rate / 0.3) ** 2 for rate in rates]
    kept = study.post("/range-tests", {"learning_rates": rates, "losses": losses})
    assert kept.status_code == 201, kept.text
    recommended = kept.json()["recommended"]
    found = study.get("/suggestion")
    assert found["basis"] == "range_test"
    assert found["learning_rate"] == pytest.approx(math.sqrt(recommended * 1e-4))
    assert "halfway" in found["explanation"]
    assert study.get()["prior"] == {"learning_rate": {"median": 1e-4, "spread_decades": 1.0}}
    drawn = study.lease()["params"]["learning_rate"]
    assert found["learning_rate"] / 30 < drawn < found["learning_rate"] * 30


def test_repeated_trials_say_which_they_repeat(new_study: NewStudy) -> None:
    study = new_study(sampler={"name": "random"}, pruner={"name": "none"}, max_trials=6, replicates=1)
    for number in range(6):
        study.finish(study.lease(), value=float(number))
    repeats = [study.trial(number)["repeats"] for number in range(6)]
    assert repeats == [None, None, None, 0, 1, 2]
    assert study.trial(3)["params"] == study.trial(0)["params"]
    assert study.get("/status")["suggestion"]["params"] == study.get("/suggestion")["params"]


def test_a_prior_can_be_changed_and_the_next_draws_follow_it(new_study: NewStudy) -> None:
    study = new_study(prior="none")
    assert study.get("/suggestion")["learning_rate"] == 1e-3
    given = {"learning_rate": {"median": 0.2, "spread_decades": 0.5}}
    assert study.patch(prior=given)["prior"] == given
    assert study.get("/suggestion")["learning_rate"] == 0.2
    assert study.lease()["params"]["learning_rate"] > 0.02
    assert study.patch(description="d")["prior"] == given
    assert study.patch(prior="auto")["prior"] == "auto"
    assert study.get("/suggestion")["learning_rate"] == 1e-3
    assert study.client.patch(study.path, json={"prior": {"learning_rate": {"median": 0}}}).status_code == 422


@pytest.mark.parametrize(
    ("how", "optimizer", "rate"),
    [
        ({"tags": {"optimizer": "adadelta"}}, None, 1.0),
        ({"search_space": {"optimizer": {"type": "categorical", "choices": ["adadelta", "adam"]}}}, "adadelta", 1.0),
        (
            {
                "tags": {"optimizer": "lion"},
                "search_space": {"optimizer": {"type": "categorical", "choices": ["sgd", "adamw", "lion"]}},
            },
            "lion",
            1e-4,
        ),
    ],
)
def test_a_study_begins_at_the_usual_rate_of_its_optimizer(
    each_client: TestClient, how: Json, optimizer: str | None, rate: float
) -> None:
    rates = {"learning_rate": {"type": "float", "low": 1e-6, "high": 10.0, "log": True}}
    study = create(each_client, **{**how, "search_space": rates | how.get("search_space", {})})
    found = study.get("/suggestion")
    assert (found["basis"], found["learning_rate"]) == ("prior", rate)
    assert found["params"].get("optimizer") == optimizer
