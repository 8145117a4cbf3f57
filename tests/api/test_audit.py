"""Who did what: each deed is kept once, by whom and from where, and read by those alone whom it concerns."""

import json
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.api.calls import Json, StudyCalls, assert_problem
from tests.api.conftest import NewStudy, serving
from tests.api.test_tokens import bearer, made


def read(client: TestClient, by: Json | None = None, **query: Any) -> list[Json]:
    answer = client.get("/v1/audit", params=query, headers={} if by is None else bearer(by))
    assert answer.status_code == 200, answer.text
    items: list[Json] = answer.json()["items"]
    return items


def deeds(client: TestClient, by: Json | None = None, **query: Any) -> list[tuple[str, str]]:
    """(action, subject), the first first."""
    return [(entry["action"], entry["subject"]) for entry in reversed(read(client, by, **query))]


# What is kept


def test_each_deed_is_kept_with_what_was_before_and_after(each_study: NewStudy) -> None:
    study = each_study(max_trials=10, max_steps=5, description="first", sampler={"name": "random"})
    study.patch(max_trials=20, description="second", paused=False)
    study.post("/trials/enqueue", {"params": {"learning_rate": 0.25}})
    study.post("/trials/record", {"params": {"learning_rate": 0.5}, "value": 0.125, "state": "complete"})
    study.post("/trials/record", {"params": {"learning_rate": 0.5}, "reports": [{"step": 1, "value": "nan"}]})
    rates = [1e-5 * 1.3**i for i in range(40)]
    losses = [2.0 - 0.03 * i for i in range(30)] + [2.0 + i for i in range(10)]
    assert study.post("/range-tests", {"learning_rates": rates, "losses": losses}).status_code == 201
    assert study.client.delete(study.path).status_code == 204
    found = list(reversed(read(study.client, study=study.name)))
    assert [entry["action"] for entry in found] == [
        *("study.create", "study.change", "trial.enqueue", "trial.record", "trial.record", "range_test.add"),
        "study.delete",
    ]
    for entry in found:
        assert (entry["actor"], entry["token"], entry["address"]) == ("anyone", None, "testclient")
        assert (entry["via"], entry["subject"]) == ("http", study.name)
    created, changed, enqueued, recorded, diverged, tested, deleted = found
    assert (created["after"]["max_trials"], created["after"]["sampler"]["name"]) == (10, "random")
    assert changed["before"] == {"max_trials": 10, "description": "first"}
    assert changed["after"] == {"max_trials": 20, "description": "second"}
    assert enqueued["after"] == {"trial": 0, "params": {"learning_rate": 0.25}}
    assert (recorded["after"]["trial"], recorded["after"]["state"], recorded["after"]["value"]) == (
        1,
        "complete",
        0.125,
    )
    assert (diverged["after"]["state"], diverged["after"]["reports"]) == ("diverged", 1)
    assert tested["after"]["number"] == 0
    assert deleted["before"]["trials"] == {"waiting": 1, "complete": 1, "diverged": 1}
    assert deleted["before"]["best"] == {"trial": 1, "value": 0.125}
    assert (deleted["before"]["max_trials"], deleted["before"]["range_tests"]) == (20, 1)


def test_a_trials_own_life_and_what_is_read_are_not_kept(study: StudyCalls) -> None:
    trial = study.lease()
    study.verdict(trial, (1, 0.5))
    study.heartbeat(trial)
    study.finish(trial)
    for below in ("", "/status", "/suggestion", "/trials", "/trials.csv", "/response"):
        assert study.client.get(study.path + below).status_code == 200
    assert deeds(study.client, study=study.name) == [("study.create", study.name)]


def test_a_repeated_request_and_a_change_of_nothing_are_kept_once_or_not_at_all(study: StudyCalls) -> None:
    for below in ("/trials/enqueue", "/trials/record"):
        body: Json = {"params": {"learning_rate": 0.1}, "request_id": below}
        body |= {"value": 1.0} if below.endswith("record") else {}
        assert [study.post(below, body).status_code for _ in range(3)] == [201, 200, 200]
    study.patch(paused=False, max_trials=None, prior="none")
    loaded = study.client.post("/v1/studies", json={"name": study.name, "if_exists": "load"})
    assert loaded.status_code == 409
    assert [action for action, _ in deeds(study.client, study=study.name)] == [
        *("study.create", "trial.enqueue", "trial.record")
    ]


def test_a_refused_request_is_not_kept(study: StudyCalls) -> None:
    assert study.post("/trials/enqueue", {"params": {"no_such": 1}}).status_code == 422
    assert study.client.patch(study.path, json={"max_total_steps": -1}).status_code == 422
    assert study.client.post("/v1/studies", json={"name": study.name}).status_code == 409
    assert deeds(study.client, study=study.name) == [("study.create", study.name)]


def test_a_study_that_the_service_halts_is_the_services_deed_and_who_goes_on_with_it_ends_that(
    study: StudyCalls,
) -> None:
    for _ in range(5):
        study.finish(study.lease(), "failed", error="CUDA out of memory")
    study.patch(paused=False)
    halted, resumed = list(reversed(read(study.client, study=study.name)))[1:]
    assert (halted["action"], halted["actor"], halted["via"]) == ("study.halt", "lrtune", "service")
    assert halted["after"] == {"error": "CUDA out of memory", "failed": 5}
    assert (resumed["action"], resumed["actor"]) == ("study.change", "anyone")
    assert (resumed["before"], resumed["after"]) == ({"halted": "CUDA out of memory"}, {"halted": None})


def test_a_large_spec_is_kept_shortened(client: TestClient, new_study: NewStudy) -> None:
    choices = [f"choice-{i}" for i in range(900)]
    study = new_study(search_space={"optimizer": {"type": "categorical", "choices": choices}})
    (entry,) = read(client, study=study.name)
    assert len(json.dumps(entry)) < 5_000
    assert "characters)" in entry["after"]["search_space"]


# Who may read it


@pytest.fixture
def secured(own_client: TestClient) -> tuple[TestClient, Json]:
    """Two studies, made by an admin who is called anna."""
    anna = made(own_client, role="admin", name="anna")
    for name in ("cifar-1", "mnist"):
        assert own_client.post("/v1/studies", json={"name": name}, headers=bearer(anna)).status_code == 201
    return own_client, anna


def test_a_deed_names_the_token_it_was_done_with(secured: tuple[TestClient, Json]) -> None:
    client, anna = secured
    nameless = made(client, anna, role="admin", scopes=["cifar-*"])
    client.patch("/v1/studies/cifar-1", json={"paused": True}, headers=bearer(nameless))
    changed, created = read(client, anna, study="cifar-1")
    assert (changed["actor"], changed["token"]) == (nameless["prefix"], nameless["id"])
    assert (created["actor"], created["token"]) == ("anna", anna["id"])


def test_viewers_workers_and_strangers_read_nothing_of_it(secured: tuple[TestClient, Json]) -> None:
    client, anna = secured
    for role in ("viewer", "worker"):
        headers = bearer(made(client, anna, role=role))
        assert_problem(client.get("/v1/audit", headers=headers), 403, "not-allowed")
    assert client.get("/v1/audit").status_code == 401


def test_an_admin_of_some_studies_reads_of_those_alone_and_of_no_tokens(secured: tuple[TestClient, Json]) -> None:
    client, anna = secured
    scoped = made(client, anna, role="admin", scopes=["cifar-*"])
    everything = made(client, anna, role="admin", scopes=["?*"])
    assert deeds(client, scoped) == [("study.create", "cifar-1")]
    assert deeds(client, everything) == [("study.create", "cifar-1"), ("study.create", "mnist")]
    assert deeds(client, scoped, token=anna["id"]) == [("study.create", "cifar-1")]
    assert deeds(client, scoped, action="token.create") == []
    refused = assert_problem(
        client.get("/v1/audit", params={"study": "mnist"}, headers=bearer(scoped)), 403, "not-allowed"
    )
    assert "cifar-*" in refused["detail"]


def test_what_was_done_to_a_token_is_found_by_its_id(secured: tuple[TestClient, Json]) -> None:
    client, anna = secured
    worker = made(client, anna, role="worker")
    client.delete(f"/v1/tokens/{worker['id']}", headers=bearer(anna))
    found = deeds(client, anna, token=worker["id"])
    assert found == [("token.create", worker["id"]), ("token.revoke", worker["id"])]
    assert ("token.create", worker["id"]) in deeds(client, anna, token=anna["id"])


def test_no_secret_is_kept(secured: tuple[TestClient, Json]) -> None:
    client, anna = secured
    worker = made(client, anna, role="worker")
    client.post(f"/v1/tokens/{worker['id']}/rotate", json={}, headers=bearer(anna))
    text = client.get("/v1/audit", headers=bearer(anna)).text
    for token in (anna, worker):
        assert token["secret"] not in text
        assert token["secret"][13:] not in text


# How it is read


def test_pages_follow_each_other_the_latest_first(each_client: TestClient, each_study: NewStudy) -> None:
    study = each_study()
    for number in range(7):
        study.patch(description=str(number))
    found, cursor = [], None
    while True:
        query = {"study": study.name, "limit": 3} | ({"cursor": cursor} if cursor else {})
        page = each_client.get("/v1/audit", params=query).json()
        found += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert [entry["after"].get("description") for entry in found] == [*"6543210", ""]
    assert [entry["id"] for entry in found] == sorted((entry["id"] for entry in found), reverse=True)
    since = found[3]["at"]
    assert len(read(each_client, study=study.name, since=since)) == 4
    assert deeds(each_client, study=study.name, action="study.create") == [("study.create", study.name)]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"since": "yesterday"}, "since"),
        ({"since": "2027-01-31T00:00:00"}, "since"),
        ({"limit": 1001}, "limit"),
        ({"limit": 0}, "limit"),
        ({"cursor": "!"}, "cursor"),
        ({"cursor": "bmFuIDE="}, "cursor"),
        ({"cursor": "MSA5OTk5OTk5OTk5OTk5OTk5OTk5OTk="}, "cursor"),
        ({"study": "a\0b"}, "study"),
        ({"token": ""}, "token"),
        ({"action": "x" * 601}, "action"),
        ({"action": "study.remove"}, "action"),
    ],
)
def test_what_cannot_be_looked_for_is_refused_with_the_reason(client: TestClient, query: Json, field: str) -> None:
    found = assert_problem(client.get("/v1/audit", params=query), 422, "invalid-body")
    assert field in found["errors"][0]["loc"]


def test_who_looks_for_an_action_that_is_none_is_told_those_there_are(client: TestClient) -> None:
    told = client.get("/v1/audit", params={"action": "study.remove"}).json()["detail"]
    assert "'study.remove' is no action" in told
    assert "study.delete" in told
    assert "token.rotate" in told


def test_it_is_there_after_a_restart(tmp_path: object) -> None:
    for number in range(2):
        with serving(f"sqlite:///{tmp_path}/again.db") as client:
            client.post("/v1/studies", json={"name": f"s{number}"})
            assert [subject for _, subject in deeds(client)] == [f"s{i}" for i in range(number + 1)]
