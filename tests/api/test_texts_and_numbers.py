"""What no database stores is refused at the door, by field; and a whole number is one, however it is written."""

import json
import os
from typing import Any

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from tests.api.calls import Json, StudyCalls, assert_problem
from tests.api.conftest import NewStudy, create

LONE = os.fsdecode(b"caf\xe9")
"""What json.dumps sends of a file name that is not UTF-8: a lone surrogate."""
BAD = {"NUL": "a\0b", "surrogate": LONE, "leading surrogate": "\ud800", "two the wrong way round": "\udc00\ud800"}
RATE = {"learning_rate": 0.1}
CHOICES = {"type": "categorical", "choices": ["BAD", "b"]}
PLAIN = {"type": "categorical", "choices": ["a", "b"]}
CHECKPOINT = {"uri": "/data/BAD", "step": 1}
REPORTS = [{"step": 1, "value": 1.0}]

FIELDS: list[tuple[str, Json, list[str | int]]] = [
    ("POST /v1/studies", {"name": "BAD"}, ["name"]),
    ("POST /v1/studies", {"name": "x", "description": "BAD"}, ["description"]),
    ("POST /v1/studies", {"name": "x", "metric": "BAD"}, ["metric"]),
    ("POST /v1/studies", {"name": "x", "direction": "BAD"}, ["direction"]),
    ("POST /v1/studies", {"name": "x", "tags": {"family": "BAD"}}, ["tags", "family"]),
    ("POST /v1/studies", {"name": "x", "tags": {"BAD": "x"}}, ["tags"]),
    ("POST /v1/studies", {"name": "x", "BAD": "x"}, []),
    ("POST /v1/studies", {"name": "x", "search_space": {"f": CHOICES}}, ["search_space", "f", "choices", 0]),
    ("POST /v1/studies", {"name": "x", "search_space": {"BAD": PLAIN}}, ["search_space"]),
    (
        "POST /v1/studies",
        {"name": "x", "search_space": {"f": {**PLAIN, "when": {"BAD": [1]}}}},
        ["search_space", "f", "when"],
    ),
    (
        "POST /v1/studies",
        {"name": "x", "search_space": {"f": {**PLAIN, "when": {"f": ["BAD"]}}}},
        ["search_space", "f", "when", "f", 0],
    ),
    ("POST /v1/studies", {"name": "x", "sampler": {"name": "BAD"}}, ["sampler"]),
    ("PATCH ", {"description": "BAD"}, ["description"]),
    ("POST /trials", {"worker": "BAD", "request_id": "r"}, ["worker"]),
    ("POST /trials", {"worker": "w", "request_id": "BAD"}, ["request_id"]),
    ("POST /trials/0/reports", {"lease": "BAD", "reports": REPORTS}, ["lease"]),
    ("POST /trials/0/reports", {"lease": "x", "reports": REPORTS, "checkpoint": CHECKPOINT}, ["checkpoint", "uri"]),
    ("POST /trials/0/heartbeat", {"lease": "BAD"}, ["lease"]),
    ("POST /trials/0/heartbeat", {"lease": "x", "BAD": 1}, []),
    ("POST /trials/0/release", {"lease": "x", "checkpoint": CHECKPOINT}, ["checkpoint", "uri"]),
    ("POST /trials/0/result", {"lease": "BAD", "state": "failed"}, ["lease"]),
    ("POST /trials/0/result", {"lease": "x", "state": "BAD"}, ["state"]),
    ("POST /trials/0/result", {"lease": "x", "state": "complete", "value": "BAD"}, ["value"]),
    ("POST /trials/enqueue", {"params": {"learning_rate": "BAD"}}, ["params", "learning_rate"]),
    ("POST /trials/enqueue", {"params": {"BAD": 0.1}}, ["params"]),
    ("POST /trials/enqueue", {"params": RATE, "request_id": "BAD"}, ["request_id"]),
    ("POST /trials/record", {"params": RATE, "value": 1.0, "request_id": "BAD"}, ["request_id"]),
    ("POST /range-tests", {"learning_rates": [1e-3], "losses": [1.0], "optimizer": "BAD"}, ["optimizer"]),
    ("POST /range-tests", {"learning_rates": [1e-3], "losses": [1.0], "request_id": "BAD"}, ["request_id"]),
    ("POST /v1/suggestions", {"optimizer": "BAD"}, ["optimizer"]),
    ("POST /v1/suggestions", {"family": "BAD"}, ["family"]),
    (
        "POST /v1/scaling",
        {"learning_rate": 0.1, "batch_size": 1, "new_batch_size": 2, "optimizer": "BAD"},
        ["optimizer"],
    ),
    (
        "POST /v1/schedules/preview",
        {"schedule": "BAD", "base_learning_rate": 0.1, "total_steps": 9},
        ["schedule", "name"],
    ),
    (
        "POST /v1/schedules/preview",
        {"schedule": {"name": "cosine", "BAD": 1}, "base_learning_rate": 0.1, "total_steps": 9},
        ["schedule"],
    ),
]
"""Each text field of each body: the call, a body with BAD in it, and where the error is."""


@pytest.fixture(scope="module")
def study(client: TestClient) -> StudyCalls:
    return create(client)


def _send(study: StudyCalls, call: str, body: Json) -> Response:
    method, _, path = call.partition(" ")
    path = path if path.startswith("/v1") else study.path + path
    content = json.dumps(body).encode()
    return study.client.request(method, path, content=content, headers={"content-type": "application/json"})


def _with(body: Any, text: str) -> Any:
    return json.loads(json.dumps(body).replace("BAD", json.dumps(text)[1:-1]))


@pytest.mark.parametrize("text", BAD.values(), ids=list(BAD))
@pytest.mark.parametrize(("call", "body", "loc"), FIELDS, ids=lambda part: str(part)[:60])
def test_text_that_no_database_stores_is_refused_by_field(
    study: StudyCalls, call: str, body: Json, loc: list[str | int], text: str
) -> None:
    found = assert_problem(_send(study, call, _with(body, text)), 422, "invalid-body")
    assert found["errors"][0]["loc"][: len(loc)] == loc
    assert len(found["errors"]) == 1 or call.endswith("trials/0/result")


@pytest.mark.parametrize("text", BAD.values(), ids=list(BAD))
def test_the_error_of_a_training_is_kept_as_far_as_a_database_can(each_study: NewStudy, text: str) -> None:
    study = each_study()
    trial = study.lease()
    body = {"lease": trial["lease"], "state": "failed", "error": f"no file {text}: é 😀"}
    shown = _send(study, "POST /trials/0/result", body)
    assert shown.status_code == 200, shown.text
    kept = study.trial(0)["error"]
    assert kept == shown.json()["error"]
    assert kept.startswith("no file ")
    assert kept.endswith(": é 😀")
    assert "\ufffd" in kept


@pytest.mark.parametrize(
    "text", ["é", "😀", "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"), "\uffff", "\x1f", "\u202e"]
)
def test_any_other_text_is_kept_as_it_is(each_study: NewStudy, text: str) -> None:
    study = each_study(
        description=text, metric=text, tags={text: text}, search_space={"c": {**CHOICES, "choices": [text]}}
    )
    found = study.get()
    assert (found["description"], found["metric"], found["tags"]) == (text, text, {text: text})
    trial = study.lease(worker=text)
    assert trial["params"] == {"c": text}
    study.verdict(trial, (1, 1.0), checkpoint={"uri": text, "step": 1})
    assert study.trial(0)["checkpoint"]["uri"] == text


# Whole numbers


@pytest.mark.parametrize(
    ("spec", "field", "kept"),
    [
        ({"max_trials": 5.0}, "max_trials", 5),
        ({"max_steps": 1e3, "max_total_steps": 2e3}, "max_total_steps", 2000),
        ({"max_attempts": 2.0}, "max_attempts", 2),
        ({"replicates": 1.0, "max_trials": 9}, "replicates", 1),
    ],
)
def test_a_whole_float_is_a_whole_number(client: TestClient, spec: Json, field: str, kept: int) -> None:
    found = create(client, **spec).get()[field]
    assert (found, type(found)) == (kept, int)


def test_a_whole_float_is_a_whole_number_in_all_that_a_worker_sends(client: TestClient) -> None:
    space = {
        "n": {"type": "int", "low": 1.0, "high": 9.0, "step": 2.0},
        "c": {"type": "int", "low": 1, "high": 2, "when": {"n": [3.0]}},
    }
    study = create(client, search_space=space, sampler={"name": "tpe", "seed": 1.0, "n_startup_trials": 1.0})
    assert study.post("/trials/enqueue", {"params": {"n": 3.0, "c": 2.0}}).status_code == 201
    trial = study.lease()
    assert trial["params"] == {"n": 3, "c": 2}
    assert {type(value) for value in trial["params"].values()} == {int}
    study.verdict(trial, (1.0, 0.5), checkpoint={"uri": "u", "step": 1.0})  # type: ignore[arg-type]
    found = study.trial(0)
    assert [report["step"] for report in found["curve"]] == [1]
    assert type(found["step"]) is int


def test_other_libraries_whole_floats_are_whole_numbers_in_schedules(client: TestClient) -> None:
    schedule = {"name": "cosine_restarts", "T_0": 2.0, "T_mult": 2.0}
    body = {"schedule": schedule, "base_learning_rate": 0.1, "total_steps": 6.0}
    response = client.post("/v1/schedules/preview", json=body)
    assert response.status_code == 200, response.text
    assert (response.json()["schedule"]["multiplier"], len(response.json()["learning_rates"])) == (2, 6)


@pytest.mark.parametrize("value", [2.5, "2", True, [], {}, None, "nan", 1e300, -1e300, 2**53 + 0.0, 10**40, 2**63])
def test_what_is_no_whole_number_or_too_large_is_refused_by_field(study: StudyCalls, value: Any) -> None:
    for call, body, loc in (
        ("POST /trials/0/reports", {"lease": "x", "reports": [{"step": value, "value": 1}]}, ["reports", 0, "step"]),
        ("POST /v1/studies", {"name": "x", "max_attempts": value}, ["max_attempts"]),
        (
            "POST /v1/studies",
            {"name": "x", "pruner": {"name": "median", "interval_steps": value}},
            ["pruner", "interval_steps"],
        ),
        (
            "POST /v1/scaling",
            {"learning_rate": 1, "batch_size": value, "new_batch_size": 1, "optimizer": "sgd"},
            ["batch_size"],
        ),
    ):
        if loc[-1] == "batch_size" and value == 2**53:
            continue
        assert assert_problem(_send(study, call, body), 422, "invalid-body")["errors"][0]["loc"] == loc


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, 10**30, -(10**30)])
def test_a_whole_number_beyond_what_databases_store_is_refused_by_field(study: StudyCalls, value: int) -> None:
    for call, body, loc in (
        (
            "POST /v1/studies",
            {"name": "x", "search_space": {"c": {**CHOICES, "choices": [value]}}},
            ["search_space", "c", "choices", 0],
        ),
        (
            "POST /v1/studies",
            {"name": "x", "search_space": {"n": {"type": "int", "low": -value, "high": value}}},
            ["search_space", "n"],
        ),
        ("POST /trials/enqueue", {"params": {"learning_rate": value}}, ["params", "learning_rate"]),
        ("POST /trials/record", {"params": {"learning_rate": value}, "value": 1}, ["params", "learning_rate"]),
    ):
        errors = assert_problem(_send(study, call, body), 422, "invalid-body")["errors"]
        assert errors[0]["loc"][: len(loc)] == loc


def test_the_largest_whole_numbers_are_kept(each_study: NewStudy) -> None:
    choices = [2**63 - 1, -(2**63) + 1, 2**53 + 1]
    study = each_study(search_space={"c": {**CHOICES, "choices": choices}}, sampler={"name": "grid"})
    assert {study.lease()["params"]["c"] for _ in choices} == set(choices)
