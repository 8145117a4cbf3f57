"""Clients that speak another version of the protocol, or do not say."""

import re
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from lrtune import Client, VersionRefused
from lrtune.service.app import create_app
from lrtune.service.settings import Settings
from lrtune.service.wire import protocol
from tests.api.calls import StudyCalls

RELEASE = version("lrtune")


def spoken(value: str) -> dict[str, str]:
    return {protocol.HEADER: value}


@pytest.fixture
def later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """A service of some later release, which speaks the versions 2 and 3."""
    monkeypatch.setattr(protocol, "OLDEST", 2)
    monkeypatch.setattr(protocol, "VERSION", 3)
    with TestClient(create_app(Settings(storage=f"sqlite:///{tmp_path}/later.db"))) as client:
        yield client


@pytest.mark.parametrize("headers", [{}, spoken("1")])
def test_who_speaks_the_services_version_or_says_nothing_is_understood(
    study: StudyCalls, headers: dict[str, str]
) -> None:
    assert study.client.get(study.path, headers=headers).status_code == 200
    assert study.client.post(f"{study.path}/trials", json={"worker": "w"}, headers=headers).status_code == 201


def test_who_is_too_new_is_told_to_upgrade_the_service_and_nothing_is_done(study: StudyCalls) -> None:
    for method, path in (("POST", f"{study.path}/trials"), ("GET", study.path), ("POST", "/v1/studies")):
        answer = study.client.request(method, path, json={"worker": "w"}, headers=spoken("2"))
        assert answer.status_code == 426
        assert answer.headers["content-type"] == "application/problem+json"
        assert (answer.headers["upgrade"], answer.headers["connection"]) == ("lrtune/1", "Upgrade")
        told = answer.json()
        assert (told["type"], told["oldest"], told["newest"]) == ("version-not-spoken", 1, 1)
        assert told["detail"] == (
            f"the client speaks version 2 of the protocol, and this service, lrtune {RELEASE}, 1: upgrade the service, "
            f"pip install --upgrade 'lrtune[service]', or give the client the service's release: pip install "
            f"'lrtune=={RELEASE}'"
        )
    assert study.get()["trials"] == 0


@pytest.mark.parametrize(("value", "status"), [("1", 426), ("2", 422), ("3", 422), ("4", 426), ("0", 426)])
def test_all_versions_between_the_oldest_and_the_newest_are_spoken(later: TestClient, value: str, status: int) -> None:
    assert later.post("/v1/studies", json={}, headers=spoken(value)).status_code == status


def test_who_is_too_old_is_told_to_upgrade_the_client(later: TestClient) -> None:
    told = later.get("/v1/studies", headers=spoken("1")).json()
    assert (told["oldest"], told["newest"]) == (2, 3)
    assert told["detail"] == (
        f"the client speaks version 1 of the protocol, and this service, lrtune {RELEASE}, 2 to 3: upgrade the client "
        f"to the service's release: pip install 'lrtune=={RELEASE}'"
    )


@pytest.mark.parametrize("value", ["", "one", "1.0", "-1", "01", "1" * 5000])
def test_a_version_that_is_none_is_told_apart_from_one_that_is_not_spoken(client: TestClient, value: str) -> None:
    answer = client.get("/v1/studies", headers=spoken(value))
    assert (answer.status_code, answer.json()["type"]) == (400, "bad-request")
    assert answer.json()["detail"] == "lrtune-version must be a whole number, like 1; or leave the header out"


def test_versions_that_are_refused_are_counted(client: TestClient) -> None:
    client.get("/v1/studies", headers=spoken("7"))
    assert re.search(r'lrtune_requests_total\{[^}]*status="426"[^}]*\} [1-9]', client.get("/metrics").text)


def _opened(file: Path, monkeypatch: pytest.MonkeyPatch, *, service: tuple[int, int], sdk: int) -> Client:
    """A client of a service of its own, of which each speaks what is given."""
    monkeypatch.setattr(protocol, "OLDEST", service[0])
    monkeypatch.setattr(protocol, "VERSION", service[1])
    client = Client(f"local:{file}", retry_seconds=600)
    monkeypatch.setattr(protocol, "VERSION", sdk)
    return client


@pytest.mark.parametrize(
    ("service", "sdk", "named"),
    [
        ((1, 1), 2, r"speaks version 2 .*, 1: upgrade the service, pip install --upgrade 'lrtune\[service\]'"),
        ((2, 3), 1, r"speaks version 1 .*, 2 to 3: upgrade the client .*pip install 'lrtune=="),
    ],
)
def test_the_sdk_names_both_versions_and_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, service: tuple[int, int], sdk: int, named: str
) -> None:
    client = _opened(tmp_path / "l.db", monkeypatch, service=service, sdk=sdk)
    with client, pytest.raises(VersionRefused, match=named) as refused:
        client.create_study("s")
    assert str(refused.value).endswith(f"(426); this is lrtune {RELEASE}, which speaks version {sdk}")


@pytest.mark.parametrize(("service", "sdk"), [((1, 2), 1), ((1, 2), 2)])
def test_an_sdk_within_what_the_service_speaks_searches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, service: tuple[int, int], sdk: int
) -> None:
    with _opened(tmp_path / "l.db", monkeypatch, service=service, sdk=sdk) as client:
        study: Any = client.create_study("s", max_trials=1, max_steps=1)
        for trial in study.leases():
            with trial:
                trial.report(1, 0.5)
        assert study.status().trials.complete == 1


def test_the_document_names_the_versions_of_this_service(client: TestClient) -> None:
    page = client.get("/openapi.json").json()
    assert page["components"]["parameters"]["Protocol"]["schema"] == {"type": "integer", "minimum": 1, "maximum": 1}
    named = {"$ref": "#/components/parameters/Protocol"}
    assert [path for path, of in page["paths"].items() for one in of.values() if named not in one["parameters"]] == []
