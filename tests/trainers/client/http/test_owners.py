"""Requests about a study go straight to the process that serves it, once an answer has said which that is."""

from collections.abc import Callable

import httpx2
import pytest

from lrtune.trainers.client.http.connection import Connection
from lrtune.trainers.client.http.owners import OWNER_HEADER

SERVER, OWNER = "http://10.0.0.1:8080", "http://10.0.0.2:8080"
Asked = list[str]
Answers = Callable[[httpx2.Request], httpx2.Response]


def connection(asked: Asked, answers: Answers, server: str = SERVER) -> Connection:
    """One to a service that answers so; `asked` has the addresses, in order."""

    def handle(request: httpx2.Request) -> httpx2.Response:
        asked.append(f"{request.url.scheme}://{request.url.netloc.decode()}")
        return answers(request)

    return Connection(server, transport=httpx2.MockTransport(handle))


def ask(to: Connection, study: str = "s") -> int:
    return to.send(lambda answer: answer.status_code, "GET", f"/v1/studies/{study}/status")


def sent_on(request: httpx2.Request, owner: str = OWNER) -> httpx2.Response:
    """As the server answers for the owner; the owner itself says nothing of owners."""
    headers = {} if str(request.url).startswith(owner) else {OWNER_HEADER: owner}
    return httpx2.Response(200, json={}, headers=headers)


def test_the_owner_that_an_answer_names_is_asked_from_then_on_about_that_study_alone() -> None:
    asked: Asked = []
    with connection(asked, sent_on) as to:
        for study in ("s", "s", "other", "s"):
            ask(to, study)
    assert asked == [SERVER, OWNER, SERVER, OWNER]


def test_an_owner_that_is_not_reached_is_left_alone_for_good() -> None:
    asked: Asked = []

    def answers(request: httpx2.Request) -> httpx2.Response:
        if str(request.url).startswith(OWNER):
            raise httpx2.ConnectError("no route", request=request)
        return sent_on(request)

    with connection(asked, answers) as to:
        assert [ask(to) for _ in range(3)] == [200, 200, 200]
    assert asked == [SERVER, OWNER, SERVER, SERVER]


@pytest.mark.parametrize(
    "refusal",
    [
        httpx2.Response(421, json={"type": "study-elsewhere"}),
        httpx2.Response(503, json={"type": "shutting-down"}, headers={"lrtune-unread": "1"}),
    ],
)
def test_an_owner_that_has_not_read_the_request_is_forgotten_and_the_server_asked(refusal: httpx2.Response) -> None:
    asked: Asked = []

    def answers(request: httpx2.Request) -> httpx2.Response:
        return refusal if str(request.url).startswith(OWNER) else sent_on(request)

    with connection(asked, answers) as to:
        assert [ask(to), ask(to)] == [200, 200]
    assert asked == [SERVER, OWNER, SERVER]


@pytest.mark.parametrize(
    ("server", "owner"),
    [
        ("https://lrtune.example", "http://10.0.0.2:8080"),
        ("http://lrtune.example", "http://127.0.0.1:8081"),
        ("http://lrtune.example", "10.0.0.2:8080"),
    ],
)
def test_a_token_goes_to_no_owner_that_is_less_safe_than_the_server(server: str, owner: str) -> None:
    asked: Asked = []
    with connection(asked, lambda request: sent_on(request, owner), server) as to:
        for _ in range(3):
            ask(to)
    assert asked == [server] * 3
