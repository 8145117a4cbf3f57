"""The page of all studies."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote_plus

import pytest
from starlette.testclient import TestClient

from lrtune.service.storage.memory.study import StudyMirror
from lrtune.service.tuning.listing import listing
from lrtune.service.tuning.listing.choice import Choice
from lrtune.service.web.studies.query import address_of, choice_of
from tests.api.calls import Json
from tests.api.conftest import serving
from tests.api.test_tokens import made
from tests.api.test_unreadable_study import rewrite_in
from tests.faults.conftest import until
from tests.web.conftest import Browser

PAGE = {"Accept": "text/html"}


def create(service: TestClient, name: str, values: list[float] | None = None, **spec: object) -> None:
    """A study with a trial of each value."""
    body = {"name": name, "prior": "none", **spec}
    assert service.post("/v1/studies", json=body).status_code == 201
    for number, value in enumerate(values or []):
        trial = {"params": {"learning_rate": 1e-3 * (number + 1)}, "state": "complete", "value": value}
        assert service.post(f"/v1/studies/{name}/trials/record", json=trial).status_code == 201


def shown(service: TestClient, query: str = "") -> str:
    """The page."""
    answer = service.get(f"/{query}", headers=PAGE)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/html")
    return answer.text


def names(page: str) -> list[str]:
    """The studies in the list, in its order."""
    return re.findall(r'<tr data-study="([^"]*)"', page)


def row(page: str, name: str) -> str:
    """The words in a row of the list."""
    found = re.search(rf'<tr data-study="{name}".*?</tr>', page, re.DOTALL)
    assert found, f"{name} is not in the list"
    return " ".join(re.sub(r"<[^>]*>", " ", found.group()).split())


@pytest.fixture
def three(service: TestClient) -> TestClient:
    """A service with three studies."""
    create(service, "alpha", [0.5, 0.25, 0.75], tags={"team": "vision"}, max_trials=4)
    create(service, "beta", [3.0], direction="maximize", metric="accuracy")
    create(service, "gamma", tags={"team": "audio"})
    service.patch("/v1/studies/gamma", json={"paused": True})
    return service


def test_a_row_says_state_budget_best_value_and_tags(three: TestClient) -> None:
    told = row(shown(three), "alpha")
    assert "open" in told  # Nobody trains it.
    assert "running" not in told
    assert "0 of 4 trials and 3 recorded" in told
    assert "0.25 loss" in told
    assert "team=vision" in told
    assert "just now" in told
    assert "paused" in row(shown(three), "gamma")


def test_the_line_of_best_values_is_drawn_where_there_are_two(three: TestClient) -> None:
    page = shown(three)
    assert page.count('<svg class="spark"') == 1, "alpha alone became better once"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?q=A", ["gamma", "beta", "alpha"]),
        ("?q=alp", ["alpha"]),
        ("?state=paused", ["gamma"]),
        ("?state=halted", []),
        ("?tag=team", ["gamma", "alpha"]),
        ("?tag=team=vision", ["alpha"]),
        ("?sort=name", ["alpha", "beta", "gamma"]),
        ("?sort=name&order=down", ["gamma", "beta", "alpha"]),
        ("?sort=best", ["alpha", "beta", "gamma"]),
        ("?sort=best&order=down", ["beta", "alpha", "gamma"]),
        ("?sort=created", ["gamma", "beta", "alpha"]),
        ("?sort=nonsense&page=x&state=odd", ["gamma", "beta", "alpha"]),
    ],
)
def test_the_address_says_which_studies_are_shown_and_how_they_are_sorted(
    three: TestClient, query: str, expected: list[str]
) -> None:
    assert names(shown(three, query)) == expected


def test_a_long_list_has_pages_that_keep_the_filter(service: TestClient) -> None:
    for number in range(53):
        create(service, f"many-{number:02}")
    create(service, "other")
    first = shown(service, "?q=many&sort=name")
    assert len(names(first)) == 50
    assert "53 of 54 studies" in first
    assert "page 1 of 2" in first
    address = re.search(r'href="/(\?[^"]*)">Next', first)
    assert address
    assert names(shown(service, address.group(1).replace("&amp;", "&"))) == ["many-50", "many-51", "many-52"]
    assert len(names(shown(service, "?q=many&page=99"))) == 3, "the last page, not an empty one"


@pytest.mark.parametrize(
    "choice", [Choice(), Choice("a&b", "paused", "k=v", "best", False, 3), Choice(sort="name", down=True)]
)
def test_an_address_and_its_choice_are_the_same(choice: Choice) -> None:
    pairs = (pair.split("=", 1) for pair in address_of(choice)[1:].split("&") if pair)
    assert choice_of({name: unquote_plus(value) for name, value in pairs}) == choice


@pytest.fixture
def stored(tmp_path: Path) -> Iterator[TestClient]:
    """The three studies, by a service that was started anew: none is in memory."""
    storage = f"sqlite:///{tmp_path}/stored.db"
    with serving(storage) as service:
        create(service, "alpha", [0.5, 0.25, 0.75], tags={"team": "vision"}, max_trials=4)
        create(service, "beta", [3.0, 5.0], direction="maximize", metric="accuracy")
    with serving(storage) as service:
        yield service


@pytest.mark.parametrize("query", ["", "?sort=best", "?state=running"])
def test_no_study_is_loaded_to_be_listed(stored: TestClient, query: str) -> None:
    page = shown(stored, query)
    assert "0.25 loss" in row(page, "alpha")
    assert "0 of 4 trials and 3 recorded" in row(page, "alpha")
    assert "5 accuracy" in row(page, "beta")
    assert stored.app.state.container.engine.residents() == []  # type: ignore[attr-defined]


def test_a_study_that_changes_after_it_was_listed_is_listed_as_it_is(stored: TestClient) -> None:
    assert "0.25 loss" in row(shown(stored), "alpha")
    trial = {"params": {"learning_rate": 0.5}, "state": "complete", "value": 0.125}
    stored.post("/v1/studies/alpha/trials/record", json=trial)
    assert "0.125 loss" in row(shown(stored), "alpha")
    stored.delete("/v1/studies/beta")
    assert names(shown(stored)) == ["alpha"]


def test_a_rate_that_no_training_tells_of_is_a_guess(three: TestClient) -> None:
    for name in ("alpha", "gamma"):
        assert three.get(f"/v1/studies/{name}/suggestion").status_code == 200
    assert "guess" in row(shown(three), "gamma")
    assert "guess" not in row(shown(three), "alpha")


def test_a_study_that_cannot_be_read_is_listed_with_why(service: TestClient, tmp_path: Path) -> None:
    create(service, "broken")
    create(service, "whole")
    rewrite_in(f"sqlite:///{tmp_path}/web.db", service, "broken", lambda _: "[]")
    service.app.state.container.engine.check_specs()  # type: ignore[attr-defined]
    page = shown(service)
    assert row(page, "broken").startswith("broken unreadable")
    assert 'href="/studies/broken"' not in page
    assert "open" in row(page, "whole")
    assert names(shown(service, "?state=unreadable")) == ["broken"]
    assert names(shown(service, "?sort=best")) == ["broken", "whole"]


def test_a_worker_at_work_is_counted(service: TestClient) -> None:
    create(service, "alpha")
    lease = service.post("/v1/studies/alpha/trials", json={"worker": "host:1", "request_id": "a"})
    assert lease.status_code == 201, lease.text
    assert re.search(r'<td class="number">1</td>', shown(service))


def test_a_viewer_sees_the_studies_in_scope_alone(service: TestClient, admin: Json, browser: Browser) -> None:
    for name in ("cifar-1", "secret-1"):
        assert service.post(
            "/v1/studies", json={"name": name}, headers={"Authorization": f"Bearer {admin['secret']}"}
        ).is_success
    token = made(service, admin, role="viewer", scopes=["cifar-*"])
    browser.sign_in(token["secret"])
    page = browser.get("/").text
    assert names(page) == ["cifar-1"]
    assert "secret" not in page
    assert "1 study" in page


def test_the_first_page_says_what_to_type(service: TestClient) -> None:
    page = shown(service)
    assert "export LRTUNE_SERVER=http://testserver\n" in page.replace("</pre>", "\n")
    for command in ("lrtune study create", "lrtune worker --study", "lrtune demo", "with Client() as client"):
        assert command in page
    assert "LRTUNE_TOKEN" not in page, "there are no tokens"
    create(service, "alpha")
    assert "lrtune demo" not in shown(service)


def test_who_may_not_create_a_study_is_not_told_to(service: TestClient, admin: Json, browser: Browser) -> None:
    token = made(service, admin, role="worker", scopes=["mine-*"])
    browser.sign_in(token["secret"])
    page = browser.get("/").text
    assert "export LRTUNE_TOKEN=lrt_…" in page
    assert "lrtune study create" not in page
    assert "lrtune worker --study" in page


def test_a_suggestion_that_cannot_be_worked_out_is_not_awaited_until_its_study_changes(
    service: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []

    async def fails(_engine: object, study: StudyMirror) -> None:
        tried.append(study.name)
        raise ArithmeticError

    monkeypatch.setattr(listing, "prepare", fails)
    create(service, "hopeless", [0.5])
    until(lambda: "data-pending" not in shown(service))
    assert "data-pending" not in shown(service)
    assert tried == ["hopeless"]
    service.patch("/v1/studies/hopeless", json={"max_trials": 9})
    until(lambda: shown(service) and len(tried) == 2)
