"""Whatever is sent, the service answers: never with a 5xx, and every 4xx is a problem."""

import copy
import json
import uuid
from typing import Any

import pytest
from httpx2 import Response
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from tests.api.calls import SPACE, Json, StudyCalls
from tests.api.conftest import create

BOUNDED = settings(
    max_examples=150,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from([0, -1, 1, 2**31, 2**53 + 1, 10**400, 1e308, -1e308, 5e-324, 0.1, "nan", "inf", "\0", "", "a/b"])
    | st.sampled_from(["learning_rate", "optimizer", "sgd", "float", "int", "categorical", "tpe", "grid", "bruteforce"])
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)

NEW_STUDY: Json = {
    "name": "fuzz",
    "direction": "minimize",
    "metric": "val_loss",
    "if_exists": "fail",
    "search_space": {
        **SPACE,
        "width": {"type": "int", "low": 8, "high": 64, "log": True},
        "dropout": {"type": "float", "low": 0.0, "high": 0.5, "step": 0.1},
    },
    "sampler": {"name": "tpe", "seed": 0, "n_startup_trials": 1, "n_ei_candidates": 24},
    "pruner": {"name": "hyperband", "min_resource": 1, "max_resource": 9, "reduction_factor": 3},
    "max_trials": 50,
    "max_total_steps": 100,
    "max_steps": 5,
    "lease_ttl_seconds": 60,
    "max_attempts": 3,
    "tags": {"optimizer": "adamw"},
    "description": "",
}
PARAMS: Json = {"learning_rate": 0.01, "batch_size": 64, "optimizer": "sgd", "momentum": 0.5, "num_layers": 3}
CHECKPOINT: Json = {"uri": "file:///tmp/c", "step": 1}
REPORTS: list[Json] = [{"step": 1, "value": 0.5}, {"step": 2, "value": "nan"}]
CALLS: dict[str, Json] = {
    "/trials": {"worker": "w", "request_id": "r", "anneals": True, "resumable": True},
    "/trials/0/reports": {"lease": "LEASE", "reports": REPORTS, "checkpoint": CHECKPOINT},
    "/trials/0/heartbeat": {"lease": "LEASE"},
    "/trials/0/result": {"lease": "LEASE", "state": "complete", "value": 0.5, "error": "e"},
    "/trials/0/release": {"lease": "LEASE", "checkpoint": CHECKPOINT},
    "/trials/enqueue": {"params": PARAMS},
    "/range-tests": {
        "learning_rates": [1e-4, 1e-3, 1e-2],
        "losses": [1.0, 0.5, "nan"],
        "other_seeds": [[1.0, 0.5]],
        "smoothing": 0.9,
        "batch_size": 64,
        "optimizer": "sgd",
        "request_id": "r",
    },
    "/trials/record": {"params": PARAMS, "state": "complete", "value": 0.5, "reports": REPORTS},
}
PATCH: Json = {"max_trials": 60, "max_total_steps": 300, "paused": False, "stopped": False, "description": "d"}


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of everything inside a body."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, part in inner for place in _places(part, (*path, key)))]


def _grown(value: Any, times: int) -> Any:
    """As much of a part of a body as a client that counts wrong may send."""
    if isinstance(value, list):
        return (value or [0]) * times
    if isinstance(value, dict):
        return {**value, **{f"k{number}": 1 for number in range(times)}}
    return value * times if isinstance(value, str) and value else [value] * times


@st.composite
def nearly(draw: st.DrawFn, body: Json) -> Any:
    """A valid body of which one to three parts were replaced, multiplied, left out or put under another name."""
    changed: Any = copy.deepcopy(body)
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.sampled_from(_places(changed)))
        if not place:
            continue
        owner = changed
        for key in place[:-1]:
            owner = owner[key]
        what = draw(st.sampled_from(["replace", "replace", "swap", "drop", "rename", "grow"]))
        if what == "replace":
            owner[place[-1]] = draw(ANYTHING)
        elif what == "grow":
            owner[place[-1]] = _grown(owner[place[-1]], draw(st.sampled_from([30, 300, 3_000, 30_000])))
            break
        elif what == "swap":
            other = body
            for key in draw(st.sampled_from(_places(body))):
                other = other[key]
            owner[place[-1]] = copy.deepcopy(other)
        elif what == "rename" and isinstance(owner, dict):
            owner[draw(st.text(max_size=8))] = owner.pop(place[-1])
        else:
            del owner[place[-1]]
    return changed


def _send(client: TestClient, method: str, path: str, body: Any) -> Response:
    """Send a body as JSON, with NaN and lone surrogates where it has them."""
    content = json.dumps(body).encode()
    response = client.request(method, path, content=content, headers={"content-type": "application/json"})
    assert response.status_code < 500, f"{method} {path} {content!r}: {response.text}"
    if response.status_code >= 400:
        assert response.headers["content-type"] == "application/problem+json"
        found = response.json()
        assert found["status"] == response.status_code
        assert all((found["type"], found["title"], found["detail"]))
        for error in found.get("errors", ()):
            assert isinstance(error["loc"], list)
            assert error["msg"]
    return response


def _train(study: StudyCalls) -> None:
    """Whatever study was let in can be trained, shown and listed."""
    for index in range(2):
        response = _send(study.client, "POST", f"{study.path}/trials", {"worker": "w", "request_id": str(index)})
        if response.status_code != 201:
            break
        trial = response.json()
        base = f"{study.path}/trials/{trial['number']}"
        reports = {"lease": trial["lease"], "reports": [{"step": 1, "value": 0.5 + index}]}
        _send(study.client, "POST", f"{base}/reports", reports)
        _send(study.client, "POST", f"{base}/result", {"lease": trial["lease"], "state": "complete", "value": 1.0})
    for below in ("", "/status", "/suggestion", "/trials", "/trials/0", "/trials.csv"):
        assert study.client.get(study.path + below).status_code < 500


@BOUNDED
@given(body=ANYTHING | nearly(NEW_STUDY))
def test_any_study_is_refused_or_can_be_trained(client: TestClient, body: Any) -> None:
    _make_and_train(client, body)


@settings(parent=BOUNDED, max_examples=40)
@given(body=ANYTHING | nearly(NEW_STUDY))
def test_any_study_is_refused_or_can_be_trained_on_postgresql(postgres_client: TestClient, body: Any) -> None:
    _make_and_train(postgres_client, body)


def _make_and_train(client: TestClient, body: Any) -> None:
    if isinstance(body, dict) and body.get("name") == "fuzz":
        body["name"] = f"fuzz-{uuid.uuid4().hex}"
    response = _send(client, "POST", "/v1/studies", body)
    if response.status_code == 201:
        study = StudyCalls(client, response.json()["name"])
        _train(study)
        assert client.delete(study.path).status_code == 204


@pytest.mark.parametrize("below", CALLS)
@settings(parent=BOUNDED, max_examples=60)
@given(data=st.data())
def test_any_call_of_a_worker_is_answered(fuzzed: StudyCalls, below: str, data: st.DataObject) -> None:
    _call(fuzzed, below, data)


@pytest.mark.parametrize("below", CALLS)
@settings(parent=BOUNDED, max_examples=20)
@given(data=st.data())
def test_any_call_of_a_worker_is_answered_on_postgresql(
    fuzzed_on_postgresql: StudyCalls, below: str, data: st.DataObject
) -> None:
    _call(fuzzed_on_postgresql, below, data)


def _call(fuzzed: StudyCalls, below: str, data: st.DataObject) -> None:
    body = data.draw(ANYTHING | nearly(CALLS[below]))
    if isinstance(body, dict) and body.get("lease") == "LEASE":
        lease = fuzzed.ask(request_id="the-one")
        if lease.status_code != 201 or fuzzed.trial(lease.json()["number"])["state"] != "running":
            lease = fuzzed.ask()
        below = below.replace("/0/", f"/{lease.json()['number']}/")
        body["lease"] = lease.json()["lease"]
    _send(fuzzed.client, "POST", fuzzed.path + below, body)
    _send(fuzzed.client, "GET", fuzzed.path + "/status", None)


@settings(parent=BOUNDED, max_examples=80)
@given(body=ANYTHING | nearly(PATCH))
def test_any_patch_is_answered(client: TestClient, fuzzed: StudyCalls, body: Any) -> None:
    _send(client, "PATCH", fuzzed.path, body)
    assert client.get(fuzzed.path + "/status").status_code == 200


@settings(parent=BOUNDED, max_examples=80)
@given(
    path=st.sampled_from(["/v1/studies", "/trials", "/trials/0", "/status", "/trials.csv", "/suggestion"]),
    query=st.dictionaries(
        st.sampled_from(["limit", "cursor", "state", "after", "x"]),
        st.text(max_size=12) | st.sampled_from(["0", "1", "-1", "9" * 30, "nan", "MA==", "complete"]),
        max_size=3,
    ),
)
def test_any_query_is_answered(client: TestClient, fuzzed: StudyCalls, path: str, query: dict[str, str]) -> None:
    response = client.get(path if path.startswith("/v1") else fuzzed.path + path, params=query)
    assert response.status_code < 500, response.text
    if response.status_code >= 400:
        assert response.headers["content-type"] == "application/problem+json"


@pytest.fixture
def fuzzed(client: TestClient) -> StudyCalls:
    return create(client, search_space=SPACE, sampler={"name": "random"}, max_steps=5)


@pytest.fixture
def fuzzed_on_postgresql(postgres_client: TestClient) -> StudyCalls:
    return create(postgres_client, search_space=SPACE, sampler={"name": "random"}, max_steps=5)
