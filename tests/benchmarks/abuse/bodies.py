"""Bodies of up to 1 MiB that nobody expected."""

import json
import random
from collections.abc import Iterator
from typing import Any

from tests.benchmarks.abuse.scenario import Scenario
from tests.benchmarks.abuse.stage import FILLED, MIB, Missed, Stage

_HEADING = "bodies of 1 MiB"
_JSON = {"content-type": "application/json"}
_PATHS = (
    "/v1/studies",
    "/v1/range-tests",
    "/v1/suggestions",
    "/v1/schedules/preview",
    "/v1/scaling",
    f"/v1/studies/{FILLED}/trials",
    f"/v1/studies/{FILLED}/trials/0/reports",
    f"/v1/studies/{FILLED}/trials/0/heartbeat",
    f"/v1/studies/{FILLED}/trials/0/result",
    f"/v1/studies/{FILLED}/trials/enqueue",
    f"/v1/studies/{FILLED}/trials/record",
    f"/v1/studies/{FILLED}/range-tests",
)


def _send(stage: Stage, body: bytes, *paths: str) -> str:
    """To each of the paths, several times; the statuses. Raises Missed for a 5xx."""
    statuses = set()
    for _ in range(stage.size.repeats):
        for path in paths:
            answer = stage.http.post(f"{stage.address}{path}", content=body[: MIB - 1], headers=_JSON)
            if answer.status_code >= 500:
                raise Missed(f"{path} answered {answer.status_code}: {answer.text[:120]}")
            statuses.add(answer.status_code)
    return ", ".join(map(str, sorted(statuses)))


def _many(stage: Stage, before: bytes, item: bytes, after: bytes, *, most: int = MIB) -> bytes:
    room = (most if stage.size.repeats > 1 else 20_000) - len(before) - len(after) - len(item) - 1
    return before + b",".join([item] * (room // (len(item) + 1))) + after


def _empty_reports(stage: Stage) -> str:
    body = _many(stage, b'{"params":{"learning_rate":0.1},"reports":[', b"{}", b"]}")
    return _send(stage, body, f"/v1/studies/{FILLED}/trials/record", f"/v1/studies/{FILLED}/trials/0/reports")


def _unknown_keys(stage: Stage) -> str:
    keys = ",".join(f'"k{number}":0' for number in range(80_000 if stage.size.repeats > 1 else 1000))
    return _send(stage, b"{" + keys.encode() + b"}", *_PATHS)


def _null_curve(stage: Stage) -> str:
    item = b'{"step":1,"value":null}'
    body = _many(stage, b'{"params":{"learning_rate":0.1},"reports":[', item, b"]}")
    return _send(stage, body, f"/v1/studies/{FILLED}/trials/record")


def _long_record(stage: Stage) -> str:
    """What an honest person records of a long training."""
    steps = 36_000 if stage.size.repeats > 1 else 1000
    reports = [{"step": step, "value": 1.5} for step in range(steps)]
    body = json.dumps({"params": {"learning_rate": 0.1}, "reports": reports}, separators=(",", ":")).encode()
    path = stage.study("recorded", sampler={"name": "random"}, pruner={"name": "none"})
    return _send(stage, body, f"{path}/trials/record")


def _wide_space(stage: Stage) -> str:
    choices = list(range(1000 if stage.size.repeats > 1 else 50))
    space = {f"p{number}": {"type": "categorical", "choices": choices} for number in range(200)}
    return _send(
        stage, json.dumps({"name": "wide", "search_space": space, "if_exists": "load"}).encode(), "/v1/studies"
    )


def _long_when(stage: Stage) -> str:
    values = list(range(100_000 if stage.size.repeats > 1 else 1000))
    space = {
        "kind": {"type": "categorical", "choices": values[: len(values) // 2]},
        "rate": {"type": "float", "low": 0.1, "high": 1, "when": {"kind": values}},
    }
    return _send(stage, json.dumps({"name": "when", "search_space": space}).encode(), "/v1/studies")


def _deep(stage: Stage) -> str:
    deep = 500_000 if stage.size.repeats > 1 else 5000
    return _send(stage, b'{"params":' + b"[" * deep + b"]" * deep + b"}", *_PATHS)


def _digits(stage: Stage) -> str:
    body = b'{"name":"n","max_trials":' + b"9" * (MIB // 2) + b',"lease":"x","reports":[{"step":' + b"9" * 300_000
    return _send(stage, body + b',"value":0}]}', *_PATHS)


def _text(stage: Stage) -> str:
    text = "\\ud800\\u0000é" * 50_000
    return _send(stage, f'{{"name":"n","worker":"{text}","tags":{{"family":"{text[:300000]}"}}}}'.encode(), *_PATHS)


def _garbage(stage: Stage) -> str:
    chosen = random.Random(7)
    statuses = set()
    for body in _garbage_bodies(chosen, 12 if stage.size.repeats > 1 else 3):
        statuses.add(_send(stage, body, *chosen.sample(_PATHS, 3)))
    return ", ".join(sorted(set(", ".join(statuses).split(", "))))


def _garbage_bodies(chosen: random.Random, count: int) -> Iterator[bytes]:
    for _ in range(count):
        if chosen.random() < 0.3:
            yield chosen.randbytes(MIB - 1)
            continue
        yield json.dumps({name: _value(chosen, 4) for name in _NAMES}).encode()


_NAMES = ("params", "reports", "search_space", "learning_rates", "losses", "tags", "lease", "schedule", "sampler")


def _value(chosen: random.Random, depth: int) -> Any:
    match chosen.randrange(6 if depth else 4):
        case 0:
            return chosen.choice([None, True, -1, 1e308, 0.1, 2**70, "nan", ""])
        case 1:
            return chosen.choice(_NAMES) * chosen.randrange(1, 50)
        case 2 | 3:
            return [chosen.random() for _ in range(chosen.randrange(3000))]
        case 4:
            return [_value(chosen, depth - 1) for _ in range(chosen.randrange(12))]
    return {f"k{number}": _value(chosen, depth - 1) for number in range(chosen.randrange(12))}


SCENARIOS = (
    Scenario(_HEADING, "reports of {}", _empty_reports),
    Scenario(_HEADING, "80,000 unknown keys", _unknown_keys),
    Scenario(_HEADING, "a recorded curve of nulls", _null_curve),
    Scenario(_HEADING, "a recorded curve of 36,000 steps", _long_record),
    Scenario(_HEADING, "200 categoricals of 1,000 choices", _wide_space),
    Scenario(_HEADING, "`when` with 100,000 values", _long_when),
    Scenario(_HEADING, "500,000 brackets", _deep),
    Scenario(_HEADING, "numbers of 500,000 digits", _digits),
    Scenario(_HEADING, "NUL and lone surrogates", _text),
    Scenario(_HEADING, "seeded garbage", _garbage),
)
