"""Many asks at once, and samplers that take long."""

import asyncio
import uuid
from typing import Any

from tests.benchmarks.abuse.scenario import Scenario
from tests.benchmarks.abuse.stage import Missed, Stage, expect
from tests.benchmarks.storage.http_client import connect, post

_HEADING = "asks"
_SDK_READS_SECONDS = 30.0
"""How long the SDK waits for an answer."""
_WIDTH = 8


def _space(width: int) -> dict[str, Any]:
    return {f"x{number}": {"type": "float", "low": 1e-5, "high": 1.0, "log": True} for number in range(width)}


def _told_study(stage: Stage, sampler: str, width: int) -> str:
    path = stage.study(
        f"asked-{sampler}-{width}", sampler={"name": sampler}, search_space=_space(width), lease_ttl_seconds=3600
    )
    for number in range(stage.size.history):
        params = {name: 10 ** (-4 + 4 * ((number * 37 + at * 13) % 101) / 101) for at, name in enumerate(_space(width))}
        expect(stage.call("POST", f"{path}/trials/record", {"params": params, "value": float(number % 17)}), 201)
    return path


def _at_once(stage: Stage, sampler: str) -> str:
    path = _told_study(stage, sampler, _WIDTH)
    longest, statuses = asyncio.run(_ask_all(stage.address, path, stage.size.asks))
    if longest > _SDK_READS_SECONDS:
        raise Missed(f"an ask took {longest:.0f} s, and the SDK gives up after {_SDK_READS_SECONDS:.0f}")
    return f"{', '.join(map(str, sorted(statuses)))}; the last after {longest:.1f} s"


async def _ask_all(address: str, path: str, count: int) -> tuple[float, set[int]]:
    loop = asyncio.get_running_loop()
    connections = await connect(address, count)
    statuses: set[int] = set()
    longest = 0.0

    async def ask(connection: Any) -> None:
        nonlocal longest
        began = loop.time()
        answered: asyncio.Future[int] = loop.create_future()
        body = {"worker": "w", "request_id": uuid.uuid4().hex}
        connection.send(post(f"{path}/trials", body), lambda status, _: answered.done() or answered.set_result(status))
        statuses.add(await answered)
        longest = max(longest, loop.time() - began)

    try:
        await asyncio.gather(*map(ask, connections))
    finally:
        for connection in connections:
            connection.close()
    return longest, statuses


def _wide(stage: Stage) -> str:
    path = _told_study(stage, "gp", 200 if stage.size.repeats > 1 else 20)
    return expect(stage.call("POST", f"{path}/trials", {"worker": "w", "request_id": "wide"}), 201)


SCENARIOS = (
    *(
        Scenario(
            _HEADING, f"400 asks of `{name}` at once, 8 parameters", lambda stage, name=name: _at_once(stage, name)
        )
        for name in ("auto", "tpe", "qmc", "cmaes", "gp")
    ),
    Scenario(_HEADING, "`gp` with 200 parameters", _wide),
)
