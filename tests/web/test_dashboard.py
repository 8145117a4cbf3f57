"""Optuna's dashboard, for browsers that signed in: who may look and who may change."""

import pytest
from starlette.testclient import TestClient

from lrtune.service.app import create_app
from lrtune.service.settings import Settings
from tests.api.calls import Json
from tests.api.test_tokens import bearer, made
from tests.web.conftest import ORIGIN, Browser

STUDY = {"study_name": "of-the-dashboard", "directions": ["minimize"]}
PAGES = ["/dashboard", "/api/studies", "/api/meta", "/static/bundle.js"]


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_an_admin_changes_studies_there_wherever_the_service_listens(tmp_path: object, host: str) -> None:
    settings = Settings(storage=f"sqlite:///{tmp_path}/own.db", host=host, dashboard=True)
    with TestClient(create_app(settings)) as service:
        browser, admin = Browser(service), made(service, role="admin")
        browser.sign_in(admin["secret"])
        created = browser.send("POST", "/api/studies", ORIGIN, json=STUDY)
        assert created.status_code == 201
        study_id = created.json()["study_summary"]["study_id"]
        assert browser.send("PUT", f"/api/studies/{study_id}/note", ORIGIN, json={"body": "b", "version": 1}).is_success
        assert browser.send("DELETE", f"/api/studies/{study_id}", json={}).status_code == 403, "without an Origin"
        assert browser.send("DELETE", f"/api/studies/{study_id}", ORIGIN, json={}).is_success


@pytest.mark.parametrize("role", ["viewer", "worker"])
def test_others_look_and_are_told_why_they_change_nothing(
    service: TestClient, browser: Browser, admin: Json, role: str
) -> None:
    assert service.post("/v1/studies", json={"name": "s"}, headers=bearer(admin)).status_code == 201
    browser.sign_in(made(service, admin, role=role)["secret"])
    for path in PAGES:
        assert browser.get(path).status_code == 200, path
    for method, path in (("POST", "/api/studies"), ("DELETE", "/api/studies/1"), ("PUT", "/api/studies/1/note")):
        refused = browser.send(method, path, ORIGIN, json=STUDY)
        assert refused.status_code == 403
        assert refused.json()["reason"] == refused.json()["detail"]
        assert f"has {role}" in refused.json()["reason"]


def test_whose_token_is_for_some_studies_sees_none_of_it(service: TestClient, browser: Browser, admin: Json) -> None:
    browser.sign_in(made(service, admin, role="admin", scopes=["cifar-*"])["secret"])
    for path in [*PAGES, "/csv/1", "/optuna/"]:
        assert browser.get(path).status_code == 403, path
    assert "/optuna/" not in browser.get("/sign-in").text


def test_a_stranger_is_sent_to_sign_in_and_gets_nothing(browser: Browser) -> None:
    for path in [*PAGES, "/csv/1", "/optuna/"]:
        assert browser.get(path).status_code == 303, path
        assert browser.send("GET", path, {"Accept": "*/*"}).status_code == 401, path
    assert browser.send("POST", "/api/studies", ORIGIN, json=STUDY).status_code == 401
