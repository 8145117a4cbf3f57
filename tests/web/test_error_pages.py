"""What went wrong is a page for who asked for one, and problem JSON for all others."""

import pytest
from starlette.testclient import TestClient

from tests.api.calls import Json
from tests.web.conftest import Browser
from tests.web.test_studies_page import PAGE, create


@pytest.mark.parametrize("path", ["/studies/nope", "/nothing-here", "/studies/nope/parts/answer"])
def test_a_browser_is_shown_a_page(service: TestClient, path: str) -> None:
    answer = service.get(path, headers=PAGE)
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    assert 'href="/"' in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("path", "accept"),
    [("/studies/nope", "application/json"), ("/studies/nope", "*/*"), ("/v1/studies/nope", PAGE["Accept"])],
)
def test_a_program_is_answered_a_problem(service: TestClient, path: str, accept: str) -> None:
    answer = service.get(path, headers={"Accept": accept})
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "study-not-found"


def test_a_storage_that_is_away_is_told_with_another_try(service: TestClient) -> None:
    create(service, "alpha")
    service.app.state.container.engine.close()  # type: ignore[attr-defined]
    answer = service.get("/", headers=PAGE)
    assert answer.status_code == 503
    assert "Try again" in answer.text
    assert "retry-after" in answer.headers
    assert "sqlite" not in answer.text, "its address is nobody's affair"


def test_head_of_a_page_is_what_get_answers_without_the_body(service: TestClient) -> None:
    create(service, "alpha")
    for path in ("/", "/studies/alpha", "/studies/alpha/parts/answer", "/scaling", "/sign-in", "/studies/nope"):
        whole, head = service.get(path, headers=PAGE), service.head(path, headers=PAGE)
        assert head.status_code == whole.status_code, path
        assert head.headers["content-type"] == whole.headers["content-type"]
        assert head.content == b""
    assert service.head("/v1/studies/alpha/events").status_code == 405, "it would never end"


def test_head_opens_no_door_that_get_does_not(service: TestClient, browser: Browser, admin: Json) -> None:
    head = browser.send("HEAD", "/studies/alpha")
    assert (head.status_code, head.headers["location"]) == (303, browser.get("/studies/alpha").headers["location"])
    assert browser.send("HEAD", "/studies/alpha", {"Accept": "*/*"}).status_code == 401
    assert browser.send("HEAD", "/studies/alpha", {"Authorization": f"Bearer {admin['secret']}"}).status_code == 404
