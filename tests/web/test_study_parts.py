"""The parts of a study's page: who is shown what, what they show anew, and the list of trials."""

import json
import re

import pytest
from starlette.testclient import TestClient

from lrtune.service.sentences.words import rate
from tests.api.calls import Json, StudyCalls
from tests.api.conftest import create
from tests.api.test_tokens import made
from tests.support.clock import Clock
from tests.web.conftest import Browser
from tests.web.parsed import Page, failed, opened, record

_PARTS = ["actions", "answer", "now", "workers", "verdicts", "failures", "range_tests", "trials"]


# Who may do what


def test_only_an_admin_is_shown_what_changes_the_study(service: TestClient, admin: Json, signed_in: Browser) -> None:
    signed_in.send("POST", "/v1/studies", {"Authorization": f"Bearer {admin['secret']}"}, json={"name": "seen"})
    viewer, worker = (made(service, admin, role=role) for role in ("viewer", "worker"))
    shown = Page(signed_in.get("/studies/seen").text)
    assert {"dialog-stop", "dialog-budgets", "dialog-enqueue", "dialog-notes", "dialog-delete"} <= shown.ids()
    assert "Pause" in shown.text("actions")
    for token in (viewer, worker):
        browser = Browser(service)
        browser.sign_in(token["secret"])
        page = Page(browser.get("/studies/seen").text)
        assert not [name for name in page.ids() if name.startswith("dialog-")]
        assert not page.all("button", "data-call") + page.all("button", "data-dialog") + page.all("form", "data-call")
        assert not Page(browser.get("/studies/seen/parts/actions").text).all("button", "data-call")


@pytest.mark.parametrize(
    ("change", "button"), [({}, "Pause"), ({"paused": True}, "Resume"), ({"stopped": True}, "Set going again")]
)
def test_the_button_does_what_the_state_allows(
    service: TestClient, study: StudyCalls, change: Json, button: str
) -> None:
    if change:
        study.patch(**change)
    page = opened(service, "rates", "/parts/actions")
    assert [tag for tag, told in page.elements if "data-call" in told] == ["button"]
    assert button in service.get("/studies/rates/parts/actions").text


# Parts


def test_the_page_names_the_addresses_of_its_parts(service: TestClient, study: StudyCalls) -> None:
    parts = opened(service, "rates").all("section", "data-part")
    assert set(_PARTS) <= {address.rpartition("/")[2] for address in parts}
    for address in parts:
        assert service.get(address).status_code == 200
    assert service.get("/studies/rates/parts/absent").status_code == 404


def test_a_part_shows_what_has_changed(service: TestClient, study: StudyCalls) -> None:
    assert "No worker is training" in service.get("/studies/rates/parts/workers").text
    lease = study.ask(worker="gpu-7:1").json()
    study.post(f"/trials/{lease['number']}/reports", {"lease": lease["lease"], "reports": [{"step": 2, "value": 0.25}]})
    told = re.sub(r"<[^>]+>", " ", service.get("/studies/rates/parts/workers").text)
    assert re.search(r"gpu-7:1\s+0\s+2\s+of 5\s+0\.25\s+0 s\s+ago\s+(59|60) s", told)
    now = " ".join(re.sub(r"<[^>]+>", " ", service.get("/studies/rates/parts/now").text).split())
    assert "running 1" in now
    assert "0 of 40 spent" in now


def test_failures_with_the_same_error_are_one(service: TestClient, study: StudyCalls) -> None:
    failed(study)
    failures = " ".join(re.sub(r"<[^>]+>", " ", service.get("/studies/rates/parts/failures").text).split())
    assert "Failures 3" in failures
    assert "3 × RuntimeError: no GPU 7" in failures


def test_trials_are_listed_by_state_by_value_and_page_by_page(service: TestClient, study: StudyCalls) -> None:
    for index in range(60):
        record(study, 1e-3, 60.0 - index)
    record(study, 0.5, None, state="diverged", reports=[{"step": 1, "value": "inf"}])
    assert _numbers(service, "")[:2] == [60, 59]
    assert _numbers(service, "?order=best")[:2] == [59, 58]
    assert _numbers(service, "?order=best&after=50") == list(range(9, -1, -1))
    assert _numbers(service, "?state=diverged") == [60]
    first = service.get("/studies/rates/parts/trials").text
    following = re.search(r'data-query="([^"]*after=[^"]*)"', first)
    assert following is not None
    assert _numbers(service, following[1].replace("&amp;", "&")) == list(range(10, -1, -1))
    assert service.get("/studies/rates/parts/trials?state=odd").status_code == 422


def _numbers(client: TestClient, query: str) -> list[int]:
    page = opened(client, "rates", f"/parts/trials{query}")
    return [int(link.rpartition("/")[2]) for link in page.all("a", "href") if "/trials/" in link]


def test_the_card_and_the_picture_show_one_suggestion_though_they_are_made_apart(
    service: TestClient, study: StudyCalls, clock: Clock
) -> None:
    for index in range(12):
        record(study, 1e-4 * 2**index, abs(index - 5) / 10 + 0.1)
    before = _shown_rate(service)
    for index in range(8):
        record(study, 1e-2 * 1.2**index, 0.01 + index / 1000)
    assert rate(study.get("/suggestion")["learning_rate"]) != before
    labels = json.dumps(service.get("/studies/rates/pictures/response").json())
    assert f"suggested {before}" in labels
    answer = service.get("/studies/rates/parts/answer")
    assert before in re.sub(r"<[^>]+>", " ", answer.text)
    assert answer.headers["Lrtune-Stale"] == "1"  # So the page asks again.
    clock.advance(11)
    labels = json.dumps(service.get("/studies/rates/pictures/response").json())
    assert _shown_rate(service) != before
    assert f"suggested {_shown_rate(service)}" in labels


def _shown_rate(service: TestClient) -> str:
    found = re.search(r'class="big number">([^<]*)<', service.get("/studies/rates/parts/answer").text)
    assert found is not None
    return found[1]


@pytest.fixture
def clock(service: TestClient, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Both clocks of the service."""
    clock = Clock()
    for which in ("clock", "elapsed"):
        monkeypatch.setattr(service.app.state.container.engine.mirrors, which, clock)  # type: ignore[attr-defined]
    return clock


def test_a_worker_hangs_in_its_row_where_the_health_card_says_so(service: TestClient, clock: Clock) -> None:
    study = create(service, name="rates", max_steps=5000, pruner={"name": "none"})
    lease = study.lease(worker="gpu-7:1")
    for step in (1000, 2000, 3000):
        clock.advance(50)
        study.report(lease, (step, 0.5))
    assert _hung_card(study)["state"] == "good"
    for _ in range(12):
        clock.advance(50)
        study.heartbeat(lease)
    row = service.get("/studies/rates/parts/workers").text
    assert (_hung_card(study)["state"], "hangs?" in row) == ("look", True)
    assert "a report comes at least every 50 s" in row


def _hung_card(study: StudyCalls) -> Json:
    return next(one for one in study.get("/health")["cards"] if one["question"] == "Is a worker hung?")


@pytest.mark.parametrize(
    ("odd", "shown"),
    [
        ("?order=x", ""),
        ("?after=99999999999&state=zzz", ""),
        ("?after=-1&order=best&state=zzz&more=1", "?order=best"),
        ("?order=best&after=nan", "?order=best"),
    ],
)
def test_an_odd_query_is_no_matter_to_the_page_but_to_the_part(
    service: TestClient, study: StudyCalls, odd: str, shown: str
) -> None:
    record(study, 0.1, 0.5)
    parts = opened(service, f"rates{odd}").all("section", "data-part")
    (trials,) = (address for address in parts if "/parts/trials" in address)
    assert trials == f"/studies/rates/parts/trials{shown}"
    assert service.get(f"/studies/rates/parts/trials{odd}").status_code == 422


@pytest.mark.parametrize("path", ["parts/absent", "pictures/absent"])
def test_what_is_not_there_is_told_in_words(service: TestClient, study: StudyCalls, path: str) -> None:
    answer = service.get(f"/studies/rates/{path}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
