"""SIGTERM: who waits is answered, who dawdles is not waited for, and the log says so without a traceback."""

import asyncio
import time
from contextlib import ExitStack
from typing import Any

import httpx2

from lrtune.service.server import _UntilCancelled
from lrtune.service.tuning.state.watchers import Watchers
from tests.connections.conftest import Serve, everything, long_poll, post

WHO = ("study='watched'", "actor='anyone'", "token=None", "address='127.0.0.1'", "via='http'")


def test_a_service_with_long_polls_and_half_sent_requests_ends_at_once_and_answers(serve: Serve) -> None:
    served = serve()
    path = served.new_study("watched")
    httpx2.patch(f"{served.address}{path}", json={"max_trials": 7, "description": "secret"})
    with ExitStack() as stack:
        opened = [stack.enter_context(served.connect()) for _ in range(9)]
        polls, half_head, half_body, _idle = opened[:6], opened[6], opened[7], opened[8]
        for poll in polls:
            poll.sendall(long_poll(path, 60))
        half_head.sendall(b"GET /v1")
        half_body.sendall(post("/v1/studies", "Content-Length: 100") + b"{")
        polls[0].settimeout(0.5)
        try:
            assert polls[0].recv(1) == b"x", "it is answered before the end"
        except TimeoutError:
            polls[0].settimeout(20)
        begun = time.monotonic()
        code = served.program.terminate(10)
        assert time.monotonic() - begun < 4
        assert code == 0
        for answer in map(everything, polls):
            assert answer.startswith(b"HTTP/1.1 200 ")
            assert b'"study":"watched"' in answer
            assert b"connection: close" in answer
        assert everything(half_body).startswith(b"HTTP/1.1 503 ")
        assert everything(half_head) == b""
    said = served.program.stderr
    assert "Traceback" not in said
    assert "level='error'" not in said
    for event in (
        f"event='started' address='{served.address}'",
        "event='storage is active'",
        "event='shutting down' why='SIGTERM' connections=9",
        "event='ended' seconds=",
    ):
        assert event in said
    changed = "changed={'max_trials': 7, 'description': '…'}"
    for parts in (("event='study created'", *WHO), ("event='study changed'", changed, *WHO)):
        assert [line for line in said.splitlines() if all(part in line for part in parts)], said
    assert "secret" not in said


def test_a_request_that_outlasts_the_drain_is_a_503_and_no_traceback() -> None:
    async def cancelled(begins: bool) -> list[dict[str, Any]]:
        sent: list[dict[str, Any]] = []

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start" and sent:
                raise RuntimeError("it has begun")
            sent.append(message)

        async def slow(_scope: Any, _receive: Any, send: Any) -> None:
            if begins:
                await send({"type": "http.response.start", "status": 200, "headers": []})
            await asyncio.Event().wait()

        async def receive() -> Any:
            raise AssertionError

        task = asyncio.create_task(_UntilCancelled(slow)({"type": "http"}, receive, send))
        await asyncio.sleep(0)
        task.cancel()
        await task
        return sent

    start, body = asyncio.run(cancelled(begins=False))
    assert start["status"] == 503
    assert (b"retry-after", b"1") in start["headers"]
    assert b"shutting-down" in body["body"]
    assert [message["type"] for message in asyncio.run(cancelled(begins=True))] == ["http.response.start"]


def test_watchers_that_are_closed_wake_all_and_let_nobody_wait() -> None:
    async def wait() -> list[bool]:
        watchers = Watchers(asyncio.get_running_loop())
        waiting = [asyncio.create_task(watchers.wait(study_id, 60)) for study_id in (1, 1, 2)]
        await asyncio.sleep(0)
        watchers.close()
        return [*await asyncio.gather(*waiting), await watchers.wait(3, 60)]

    assert asyncio.run(wait()) == [False] * 4
