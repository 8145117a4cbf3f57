"""Two to five studies side by side."""

import re

import pytest
from starlette.testclient import TestClient

from tests.api.calls import Json
from tests.api.test_tokens import made
from tests.web.conftest import Browser
from tests.web.test_studies_page import PAGE, create


def _line(page: str, name: str) -> list[str]:
    """The cells of a line of the tables."""
    found = re.search(rf'<th scope="row">(?:<bdi>)?{re.escape(name)}(?:</bdi>)?</th>(.*?)</tr>', page, re.DOTALL)
    assert found, name
    cells = re.findall(r"<td[^>]*>(.*?)</td>", found.group(1), re.DOTALL)
    return [" ".join(re.sub(r"<[^>]*>", " ", cell).split()) for cell in cells]


@pytest.fixture
def two(service: TestClient) -> TestClient:
    """A service with two studies that differ, and four more."""
    create(service, "alpha", [0.5, 0.25, 0.75], max_trials=10)
    create(service, "beta", [3.0], max_trials=20, sampler={"name": "random"})
    for name in ("c", "d", "e", "f"):
        create(service, name)
    return service


def test_studies_stand_side_by_side_in_the_order_of_the_address(two: TestClient) -> None:
    page = two.get("/compare?study=beta&study=alpha", headers=PAGE).text
    assert _line(page, "Best value") == ["3 loss , trial 0", "0.25 loss , trial 1"]
    assert _line(page, "Outcomes") == ["1 complete", "3 complete"]
    assert all(_line(page, "Learning rate"))
    assert 'data-picture="/pictures/compare?study=beta&amp;study=alpha"' in page


def test_what_differs_is_named_and_nothing_else(two: TestClient) -> None:
    page = two.get("/compare?study=alpha&study=beta", headers=PAGE).text
    assert _line(page, "Budget in trials") == ["10", "20"]
    assert _line(page, "Sampler")[1].startswith("random")
    assert ">Direction<" not in page
    assert ">Search learning_rate<" not in page
    alike = two.get("/compare?study=c&study=d", headers=PAGE).text
    assert "They are set up alike." in alike


@pytest.mark.parametrize(
    ("query", "status", "why"),
    [
        ("", 422, "No study is named"),
        ("?study=alpha", 422, "One study is named"),
        ("?study=alpha&study=alpha", 422, "named twice"),
        ("?study=alpha&study=beta&study=c&study=d&study=e&study=f", 422, "at most 5 are compared"),
        ("?study=alpha&study=nope", 404, "nope"),
    ],
)
def test_what_cannot_be_compared_is_told_on_a_page(two: TestClient, query: str, status: int, why: str) -> None:
    answer = two.get(f"/compare{query}", headers=PAGE)
    assert answer.status_code == status
    assert why in answer.text
    assert 'href="/"' in answer.text


def test_a_study_out_of_scope_is_not_compared(service: TestClient, admin: Json, browser: Browser) -> None:
    by_admin = {"Authorization": f"Bearer {admin['secret']}"}
    for name in ("mine", "theirs"):
        service.post("/v1/studies", json={"name": name, "description": "hidden"}, headers=by_admin)
    browser.sign_in(made(service, admin, role="viewer", scopes=["mine"])["secret"])
    refused = browser.get("/compare?study=mine&study=theirs")
    assert refused.status_code == 403
    assert "hidden" not in refused.text
    absent = browser.get("/compare?study=mine&study=absent")
    assert absent.status_code == 403, "whether it exists is not told"
