"""What a proxy, a gateway or a login page answers in the service's place costs time, and never a training."""

import json
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from lrtune import Client, LeasedTrial, ServiceError, ServiceUnreachable
from tests.fake_service import TRIAL, FakeService, problem

HTML = {"content-type": "text/html"}
PROBLEM = {"content-type": "application/problem+json"}


def rfc9457(status: int, **members: Any) -> bytes:
    return json.dumps({"type": "not-found", "title": "t", "status": status, "detail": "d", **members}).encode()


FOREIGN = {
    "a page at 500": lambda: httpx2.Response(500, text="<html>oops"),
    "a page at 404": lambda: httpx2.Response(404, text="<html>no backend"),
    "a page at 403": lambda: httpx2.Response(403, text="<html>blocked"),
    "a page at 401": lambda: httpx2.Response(401, text="<html>sign in"),
    "a page at 409": lambda: httpx2.Response(409, text="<html>conflict"),
    "a page at 413": lambda: httpx2.Response(413, text="<html>too large"),
    "a page at 520": lambda: httpx2.Response(520, text="<html>origin is down"),
    "a status that nobody knows": lambda: httpx2.Response(799, text=""),
    "a redirect": lambda: httpx2.Response(302, headers={"Location": "https://login.example/"}),
    "not modified": lambda: httpx2.Response(304),
    "a page at 200": lambda: httpx2.Response(200, text="<html>welcome", headers=HTML),
    "nothing at 200": lambda: httpx2.Response(200),
    "no content": lambda: httpx2.Response(204),
    "half an answer": lambda: httpx2.Response(200, content=b'{"verdict": "cont'),
    "an answer of something else": lambda: httpx2.Response(200, json={"error": "maintenance"}),
    "a list": lambda: httpx2.Response(201, json=[1, 2]),
    "text that is not UTF-8": lambda: httpx2.Response(200, content=b"\xff\xfe{}"),
    "broken compression": lambda: httpx2.Response(200, content=b"{}", headers={"content-encoding": "gzip"}),
    "a gateway's problem": lambda: httpx2.Response(404, content=rfc9457(404, type="about:blank"), headers=PROBLEM),
    "a problem by URL": lambda: httpx2.Response(
        409, content=rfc9457(409, type="https://gateway/lease-lost"), headers=PROBLEM
    ),
    "a problem of another status": lambda: httpx2.Response(502, content=rfc9457(404), headers=PROBLEM),
    "our problem as a page": lambda: httpx2.Response(404, content=rfc9457(404), headers=HTML),
}


def first(count: int, answer: Callable[[], httpx2.Response], *, ending: str) -> Callable[[httpx2.Request], Any]:
    """Answers the first `count` requests whose path ends so."""
    left = iter(range(count))

    def fault(request: httpx2.Request) -> httpx2.Response | None:
        return answer() if request.url.path.endswith(ending) and next(left, None) is not None else None

    return fault


def train(trial: LeasedTrial) -> None:
    with trial:
        trial.report(1, 0.5, checkpoint="file:///w")
        trial.report(2, 0.25)


@pytest.mark.parametrize("ending", ["/trials", "/reports", "/result"])
@pytest.mark.parametrize("answer", FOREIGN.values(), ids=FOREIGN)
def test_a_training_goes_on_once_the_service_itself_answers(
    client: Client, service: FakeService, answer: Callable[[], httpx2.Response], ending: str
) -> None:
    study = client.study("s")
    service.fault = first(3, answer, ending=ending)
    train(next(study.leases()))
    assert len(service.bodies(ending)) > 3
    assert [(body["state"], body["value"]) for body in service.bodies("/result")][-1] == ("complete", 0.25)


@pytest.mark.parametrize("ending", ["/reports", "/result"])
@pytest.mark.parametrize("answer", FOREIGN.values(), ids=FOREIGN)
def test_a_training_whose_service_stays_away_is_kept_for_the_next_worker_and_never_failed(
    client: Client, service: FakeService, answer: Callable[[], httpx2.Response], ending: str
) -> None:
    trial = next(client.study("s").leases())
    service.fault = first(10_000, answer, ending=ending)
    with pytest.raises(ServiceUnreachable):
        train(trial)
    assert trial.outcome == "kept: complete, 0.25"
    service.fault = lambda _: None
    service.calls.clear()
    client.study("s").ask()
    sent = [report["step"] for body in service.bodies("/reports") for report in body["reports"]]
    assert sent == ([1, 2] if ending == "/reports" else [])
    assert [(body["state"], body["value"]) for body in service.bodies("/result")] == [("complete", 0.25)]
    assert service.bodies("/release") == []


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_trouble_of_the_service_is_no_failure_of_the_training(
    client: Client, service: FakeService, status: int
) -> None:
    trial = next(client.study("s").leases())
    service.fault = first(10_000, lambda: problem(status), ending="/reports")
    with pytest.raises(ServiceError):
        train(trial)
    assert (trial.outcome, service.bodies("/result")) == ("kept: complete, 0.25", [])


@pytest.mark.parametrize("status", [403, 404])
def test_what_the_service_will_never_take_is_not_kept(client: Client, service: FakeService, status: int) -> None:
    trial = next(client.study("s").leases())
    service.fault = first(10_000, lambda: problem(status), ending="/reports")
    with pytest.raises(ServiceError):
        train(trial)
    assert (trial.outcome, service.bodies("/result")) == ("given back", [])


@pytest.mark.parametrize("answer", FOREIGN.values(), ids=FOREIGN)
def test_a_trial_whose_result_can_neither_be_told_nor_kept_is_given_back_and_called_so(
    client: Client, service: FakeService, answer: Callable[[], httpx2.Response], no_spool: None
) -> None:
    trial = next(client.study("s").leases())
    service.fault = first(10_000, answer, ending="/result")
    with pytest.raises(ServiceUnreachable):
        train(trial)
    assert trial.outcome == "given back: complete, 0.25 could not be told to the service"
    assert service.bodies("/release") == [{"lease": "lease-0", "checkpoint": {"uri": "file:///w", "step": 1}}]


def test_a_failed_training_that_can_neither_be_told_nor_kept_is_given_back_beside_its_own_error(
    client: Client, service: FakeService, no_spool: None
) -> None:
    trial = next(client.study("s").leases())
    service.fault = first(10_000, FOREIGN["a page at 200"], ending="/result")
    with pytest.raises(ZeroDivisionError), trial:
        raise ZeroDivisionError
    assert trial.outcome == "given back: failed could not be told to the service"


def test_a_result_that_could_not_be_told_is_not_called_told(
    client: Client, service: FakeService, no_spool: None
) -> None:
    trial = next(client.study("s").leases())
    service.fault = lambda request: (
        FOREIGN["a page at 200"]() if request.url.path.endswith(("/result", "/release")) else None
    )
    with pytest.raises(ServiceUnreachable):
        train(trial)
    assert trial.outcome == "left behind: complete, 0.25 could not be told to the service"
    assert len(service.bodies("/release")) == 1


BEFORE_THE_SERVICE = (
    "404",
    "403",
    "401",
    "520",
    "a redirect",
    "not modified",
    "a gateway's problem",
    "another status",
    "as a page",
)
"""Of the foreign answers those whose status says that the service was not reached."""


@pytest.mark.parametrize(("what", "answer"), FOREIGN.items(), ids=FOREIGN)
def test_a_new_study_is_sent_again_only_where_it_cannot_have_been_created(
    client: Client, service: FakeService, what: str, answer: Callable[[], httpx2.Response]
) -> None:
    client.study("s")
    service.fault = first(2, answer, ending="/v1/studies")
    if what.endswith(BEFORE_THE_SERVICE):
        client.create_study("s")
        assert len(service.bodies("/v1/studies")) == 3
    else:
        with pytest.raises(ServiceUnreachable, match=r'may have been created: call again with if_exists="load"$'):
            client.create_study("s")
        assert len(service.bodies("/v1/studies")) == 1


def test_a_study_whose_creation_was_never_sent_is_not_said_to_be_created(client: Client, service: FakeService) -> None:
    def refused(_: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("[Errno 111] Connection refused")

    service.fault = refused
    with pytest.raises(ServiceUnreachable) as caught:
        client.create_study("s")
    assert "may have been created" not in str(caught.value)


@pytest.mark.parametrize("content", [b"null", b"[1]", b'{"ok": true}', b'"text"', b'{"name": 1}'])
def test_json_that_is_no_study_is_called_so(client: Client, service: FakeService, content: bytes) -> None:
    service.fault = lambda _: httpx2.Response(200, content=content)
    with pytest.raises(ServiceUnreachable, match="JSON, but not a Study; check the address"):
        client.study("s")


def test_an_address_where_lrtune_never_answered_is_given_up_soon(
    client: Client, service: FakeService, slept: list[float]
) -> None:
    service.fault = lambda _: httpx2.Response(200, text="<html>a router's page", headers=HTML)
    with pytest.raises(ServiceUnreachable, match="a router's page"):
        client.study("s")
    assert 5 < sum(slept) <= 10


def test_a_newer_service_may_say_more_about_a_trial_that_is_over(client: Client, service: FakeService) -> None:
    service.fault = first(9, lambda: httpx2.Response(200, json={**TRIAL, "colour": "red"}), ending="/result")
    train(next(client.study("s").leases()))
    assert len(service.bodies("/result")) == 1


CALLS: dict[str, Callable[[Client], object]] = {
    "a study": lambda client: client.study("s"),
    "studies": lambda client: list(client.studies()),
    "status": lambda client: client.status("s"),
    "a suggestion": lambda client: client.suggestion("s"),
    "a suggestion without a study": lambda client: client.suggest(optimizer="adam"),
    "a response": lambda client: client.response("s"),
    "a trial": lambda client: client.trial("s", 0),
    "enqueue": lambda client: client.enqueue("s", {"learning_rate": 0.1}),
    "record": lambda client: client.record("s", {"learning_rate": 0.1}, value=1.0),
    "delete": lambda client: client.delete_study("s"),
}


@pytest.mark.parametrize("name", CALLS)
def test_every_call_outlives_every_foreign_answer(client: Client, service: FakeService, name: str) -> None:
    client.study("s")
    for what, answer in FOREIGN.items():
        if (name, what) == ("delete", "no content"):
            continue  # That is how the service itself answers.
        service.fault = first(2, answer, ending="")
        before = len(service.calls)
        CALLS[name](client)
        assert len(service.calls) == before + 3, what
