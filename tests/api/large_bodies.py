"""Bodies of a mebibyte, valid and not, and how long the event loop is held up while one is read."""

import asyncio
import itertools
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.testclient import TestClient

from tests.api.calls import Json

SIZE = 1 << 20
"""What a body may have at the most, in bytes."""


def _filled(before: bytes, item: str, after: bytes) -> bytes:
    """A body with as many items as fit; `%d` in an item is its number."""
    parts: list[bytes] = []
    left = SIZE - len(before) - len(after)
    for number in itertools.count():
        part = (item % number if "%d" in item else item).encode()
        left -= len(part) + 1
        if left < 0:
            return before + b",".join(parts) + after
        parts.append(part)
    raise AssertionError


def _compact(body: Json) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()


RECORD = b'{"params":{"learning_rate":0.1},"reports":['
CHOICES = [f"c{number}" for number in range(1000)]
WIDE = {f"p{number}": {"type": "categorical", "choices": CHOICES[:500]} for number in range(200)}
NUMBERED = {"type": "int", "low": 0, "high": 10**6}

INVALID: dict[str, tuple[str, bytes]] = {
    "record: {}": ("/trials/record", _filled(RECORD, "{}", b"]}")),
    "record: 100,000 {}": ("/trials/record", RECORD + b",".join([b"{}"] * 90_000) + b"]}"),
    "record: a curve of null": ("/trials/record", _filled(RECORD, '{"step":%d,"value":null}', b"]}")),
    "record: unknown members": ("/trials/record", _filled(RECORD, '{"a%d":1}', b"]}")),
    "record: a wrong step": ("/trials/record", _filled(RECORD, '{"step":-1,"value":1}', b"]}")),
    "unknown keys": ("/trials/record", _filled(b"{", '"k%d":1', b"}")),
    "unknown keys below": ("/trials/record", _filled(b'{"params":{', '"k%d":1', b"}}")),
    "reports: {}": ("/trials/0/reports", _filled(b'{"lease":"x","reports":[', "{}", b"]}")),
    "heartbeat: a long key": ("/trials/0/heartbeat", b'{"' + b"k" * (SIZE - 8) + b'":1}'),
    "result: a long error": (
        "/trials/0/result",
        b'{"lease":"x","state":"failed","error":"' + b"e" * (SIZE - 60) + b'"}',
    ),
    "ask: lists in lists": ("/trials", _filled(b'{"worker":[', "[[[]]]", b"]}")),
    "ask: not closed": ("/trials", b"[" * SIZE),
    "ask: nothing": ("/trials", b" " * SIZE),
    "ask: a long number": ("/trials", b'{"worker":' + b"1" * (SIZE - 20) + b"}"),
    "ask: surrogates": ("/trials", _filled(b'{"worker":"', "\\ud800", b'"}')),
    "enqueue: a list": ("/trials/enqueue", _filled(b'{"params":{"learning_rate":[', "1", b"]}}")),
    "range tests": ("/range-tests", _filled(b'{"losses":[1],"learning_rates":[', "null", b"]}")),
    "range tests: seeds": ("/range-tests", _filled(b'{"losses":[1],"learning_rates":[1],"other_seeds":[', "[]", b"]}")),
}
"""By what is in them: where below a study it is sent, and the body."""

INVALID_ANYWHERE: dict[str, tuple[str, bytes]] = {
    "study: unknown keys": ("/v1/studies", _filled(b'{"name":"x",', '"k%d":1', b"}")),
    "study: tags": ("/v1/studies", _filled(b'{"name":"x","tags":{', '"k%d":1', b"}}")),
    "study: parameters": ("/v1/studies", _filled(b'{"name":"x","search_space":{', '"p%d":1', b"}}")),
    "study: choices": (
        "/v1/studies",
        _compact(
            {
                "name": "x",
                "search_space": {f"p{n}": {"type": "categorical", "choices": [[]] * 1000} for n in range(200)},
            }
        ),
    ),
    "study: 200 categoricals of 500 choices": ("/v1/studies", _compact({"name": "x", "search_space": WIDE})),
    "study: when": (
        "/v1/studies",
        _compact(
            {"name": "x", "search_space": {"n": NUMBERED, "c": {**NUMBERED, "when": {"n": list(range(100_000))}}}}
        ),
    ),
    "schedules: unknown parameters": (
        "/v1/schedules/preview",
        _filled(b'{"schedule":{"name":"cosine",', '"k%d":1', b"}}"),
    ),
    "schedules: a long name": ("/v1/schedules/preview", b'{"schedule":"' + b"c" * (SIZE - 20) + b'"}'),
    "schedules: join": (
        "/v1/schedules/preview",
        _filled(b'{"schedule":{"name":"join","milestones":[],"schedules":[', '"cosinus"', b"]}}"),
    ),
    "schedules: milestones": (
        "/v1/schedules/preview",
        _filled(b'{"schedule":{"name":"multistep","milestones":[', "0", b"]}}"),
    ),
    "schedules: metrics": (
        "/v1/schedules/preview",
        _filled(b'{"schedule":"plateau","base_learning_rate":1,"total_steps":9,"metrics":[', '""', b"]}"),
    ),
    "scaling": ("/v1/scaling", _filled(b'{"betas":[', "{}", b"]}")),
    "suggestions": ("/v1/suggestions", _filled(b"{", '"k%d":1', b"}")),
}


@contextmanager
def watched(client: TestClient) -> Iterator[list[float]]:
    """Yields a list that holds, at the end of the block, the longest time for which the service's loop did not turn."""
    assert client.portal is not None
    longest = [0.0]
    stop = False

    async def turn() -> None:
        before = time.perf_counter()
        while not stop:
            await asyncio.sleep(0.001)
            now = time.perf_counter()
            longest[0] = max(longest[0], now - before - 0.001)
            before = now

    turning = client.portal.start_task_soon(turn)
    try:
        yield longest
    finally:
        stop = True
        turning.result(10)


def _curve(steps: int) -> list[Json]:
    return [{"step": step, "value": 1.5} for step in range(steps)]


def _categoricals(count: int, choices: int, **more: object) -> Json:
    return {f"p{n}": {"type": "categorical", "choices": CHOICES[:choices], **more} for n in range(count)}


RATES = [1e-5 * 1.001**step for step in range(10_000)]
RATE = {"learning_rate": {"type": "float", "low": 1e-6, "high": 1.0, "log": True}}

VALID: dict[str, tuple[str, bytes]] = {
    "a recorded curve": ("/trials/record", _compact({"params": {"learning_rate": 0.1}, "reports": _curve(36_000)})),
    "reports": ("/trials/0/reports", _compact({"lease": "LEASE", "reports": _curve(1000)})),
    "a range test": ("/range-tests", _compact({"learning_rates": RATES, "losses": [1.0] * 5000 + [9.0] * 5000})),
    "an error": ("/trials/0/result", _compact({"lease": "LEASE", "state": "failed", "error": "e" * 20_000})),
}
"""By what is in them: where below a study it is sent, and the body, in which LEASE stands for that of trial 0."""

VALID_STUDIES: dict[str, Json] = {
    "20 categoricals of 1,000 choices": {"search_space": {**RATE, **_categoricals(20, 1000)}},
    "199 categoricals of 100 choices": {"search_space": {**RATE, **_categoricals(199, 100)}},
    "long choices": {
        "search_space": {**RATE, "c": {"type": "categorical", "choices": [f"{n:04000}" for n in range(250)]}}
    },
    "many conditions": {
        "search_space": {
            "n": {"type": "int", "low": 0, "high": 10**6},
            **{f"c{n}": {"type": "int", "low": 0, "high": 9, "when": {"n": list(range(1000))}} for n in range(20)},
        }
    },
    "many tags": {"tags": {f"{n:0200}": "x" * 200 for n in range(50)}},
}
