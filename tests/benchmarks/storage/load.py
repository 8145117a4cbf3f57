"""The load generator, a process of its own: what workers and dashboards send, over real HTTP, as cheaply as can be."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Any

import uvloop

from tests.benchmarks.filling import STEPS
from tests.benchmarks.processes import processor_seconds
from tests.benchmarks.storage.http_client import Connection, UnexpectedReply, connect, post_bytes
from tests.benchmarks.storage.json_lines import answer_lines
from tests.benchmarks.storage.requests import Study, Trial, report_body

_WORK_REPORTS = 5
_POLL_SECONDS = 0.02
_RETRY_SECONDS = 0.01


def reports(
    address: str,
    study: str,
    connections: int,
    trials: int,
    pid: int | None = None,
    tokens: Sequence[str] = ("",),
) -> dict[str, float]:
    """Reports a second. Each connection reports the 10 steps of `trials` trials, which are leased before the clock
    starts and handed in after it has stopped. `pid`: of the server, whose processor time is told as well. `tokens`:
    what the connections show in turn."""
    shown = [Study(study, tokens[index % len(tokens)]) for index in range(connections)]

    async def measure() -> dict[str, float]:
        async with _connected(address, connections) as opened:
            each = list(zip(shown, opened, strict=True))
            leased = await asyncio.gather(*(_lease(requests, one, trials) for requests, one in each))
            sent = [
                [requests.report(trial, step) for trial in mine for step in _steps()]
                for requests, mine in zip(shown, leased, strict=True)
            ]
            found = await _burst(opened, sent, pid)
            await asyncio.gather(*(_hand_in(*pair, mine) for pair, mine in zip(each, leased, strict=True)))
            return found

    return _run(measure)


def bare(address: str, connections: int, trials: int, pid: int | None = None) -> dict[str, float]:
    """The same requests, to an endpoint that only reads them and answers."""
    lease = "x" * 22

    async def measure() -> dict[str, float]:
        async with _connected(address, connections) as opened:
            mine = [post_bytes("/reports", report_body(lease, step)) for _ in range(trials) for step in _steps()]
            return await _burst(opened, [mine] * connections, pid)

    return _run(measure)


def work(address: str, study: str, workers: int, seconds: float, pid: int | None = None) -> dict[str, float]:
    """Trainings a second: ask, 5 reports one by one, result, by so many workers. `pid`: of the server, whose processor
    seconds for a training are told as well."""
    requests = Study(study)

    async def measure() -> dict[str, float]:
        async with _connected(address, workers) as opened:
            began, before = time.perf_counter(), 0.0 if pid is None else processor_seconds(pid)
            rate = sum(await asyncio.gather(*(_train(requests, one, began + seconds) for one in opened)))
            if pid is None:
                return {"rate": rate}
            trained = rate * (time.perf_counter() - began)
            return {"rate": rate, "processor_seconds": (processor_seconds(pid) - before) / trained}

    return _run(measure)


def asks(address: str, study: str, count: int) -> dict[str, float]:
    """Median milliseconds of an ask on one connection; each trial is handed in as failed, off the clock, so that
    samplers and pruners go on seeing the same history."""
    requests = Study(study)

    async def measure() -> dict[str, float]:
        async with _connected(address, 1) as (one,):
            took = []
            for _ in range(count):
                began = time.perf_counter()
                trial = await requests.ask(one)
                took.append(time.perf_counter() - began)
                await requests.finish(one, trial, "failed")
            return {"milliseconds": 1000 * quantile(took, 0.5)}

    return _run(measure)


def status(address: str, study: str, workers: int, seconds: float) -> dict[str, float]:
    """The 99th percentile of a status request in milliseconds, 50 a second at most, while `workers` do `work`."""
    requests = Study(study)

    async def measure() -> dict[str, float]:
        async with _connected(address, workers + 1) as opened:
            poller, *others = opened
            deadline = time.perf_counter() + seconds
            polling = asyncio.create_task(_poll(poller, requests.status, deadline))
            rates = await asyncio.gather(*(_train(requests, one, deadline) for one in others))
            took = await polling
            return {"milliseconds": 1000 * quantile(took, 0.99), "rate": sum(rates), "polls": len(took)}

    return _run(measure)


def pauses(address: str, study: str, connections: int, seconds: float) -> dict[str, float]:
    """How long reports take while so many connections train without a pause: seconds of the slowest one, and of all
    but the slowest thousandth; with how many reports and trainings there were."""
    requests = Study(study)

    async def train(one: Connection, deadline: float, took: list[float]) -> int:
        trained = 0
        while trained == 0 or time.perf_counter() < deadline:
            trial = await requests.ask(one)
            for step in _steps():
                began = time.perf_counter()
                await one.call(requests.report(trial, step), 200)
                took.append(time.perf_counter() - began)
            await requests.finish(one, trial)
            trained += 1
        return trained

    async def measure() -> dict[str, float]:
        async with _connected(address, connections) as opened:
            took: list[float] = []
            deadline = time.perf_counter() + seconds
            trained = sum(await asyncio.gather(*(train(one, deadline, took) for one in opened)))
            return {
                "p999": quantile(took, 0.999),
                "longest": max(took),
                "reports": len(took),
                "trainings": trained,
            }

    return _run(measure)


def touch(address: str, study: str) -> dict[str, float]:
    """Seconds until the service has answered one GET of the study, which it may have to load."""

    async def measure() -> dict[str, float]:
        async with _connected(address, 1) as (one,):
            began = time.perf_counter()
            await one.call(Study(study).study, 200)
            return {"seconds": time.perf_counter() - began}

    return _run(measure)


def lease(address: str, study: str) -> dict[str, Any]:
    """Lease a trial and report its first step."""
    requests = Study(study)

    async def measure() -> dict[str, Any]:
        async with _connected(address, 1) as (one,):
            trial = await requests.ask(one)
            await one.call(requests.report(trial, 1), 200)
            return {"number": trial[0], "lease": trial[1]}

    return _run(measure)


def resume(address: str, study: str, trial: list[Any], seconds: float) -> dict[str, float]:
    """Seconds until a report of the trial's next step is taken by a service that may be standby still."""
    request = Study(study).report((trial[0], trial[1]), 2)

    async def measure() -> dict[str, float]:
        async with _connected(address, 1) as (one,):
            began = time.perf_counter()
            while True:
                try:
                    await one.call(request, 200)
                    return {"seconds": time.perf_counter() - began}
                except UnexpectedReply as refused:
                    if " 503: " not in str(refused) or time.perf_counter() - began > seconds:
                        raise
                await asyncio.sleep(_RETRY_SECONDS)

    return _run(measure)


def quantile(values: list[float], share: float) -> float:
    """The value that `share` of the values do not exceed; no interpolation."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


async def _lease(requests: Study, connection: Connection, count: int) -> list[Trial]:
    return [await requests.ask(connection) for _ in range(count)]


async def _hand_in(requests: Study, connection: Connection, trials: list[Trial]) -> None:
    for trial in trials:
        await requests.finish(connection, trial)


async def _burst(connections: list[Connection], requests: list[list[bytes]], pid: int | None) -> dict[str, float]:
    """Send each connection its requests, one after the other; requests a second, summed over the connections, and the
    processor seconds that process `pid` took for one."""
    before = 0.0 if pid is None else processor_seconds(pid)
    rate = sum(await asyncio.gather(*(stream(*pair) for pair in zip(connections, requests, strict=True))))
    if pid is None:
        return {"rate": rate}
    return {"rate": rate, "processor_seconds": (processor_seconds(pid) - before) / sum(map(len, requests))}


async def stream(connection: Connection, requests: list[bytes]) -> float:
    """By callbacks: a task switch a request would cost the generator as much as the request itself."""
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    left = iter(requests)
    began = time.perf_counter()

    def arrived(code: int, body: bytes) -> None:
        if code != 200 or b'"continue"' not in body:
            done.set_exception(UnexpectedReply(f"a report got {code}: {body[:300].decode()}"))
            return
        request = next(left, None)
        if request is None:
            done.set_result(None)
        else:
            connection.send(request, arrived)

    connection.send(next(left), arrived)
    await done
    return len(requests) / (time.perf_counter() - began)


async def _train(requests: Study, connection: Connection, deadline: float) -> float:
    """Trainings a second of one worker, each whole."""
    began = time.perf_counter()
    trained = 0
    while trained == 0 or time.perf_counter() < deadline:
        trial = await requests.ask(connection)
        for step in range(1, _WORK_REPORTS + 1):
            verdict = await connection.call(requests.report(trial, step), 200)
            if verdict["verdict"] != "continue":
                raise UnexpectedReply(f"a report got the verdict {verdict}")
        await requests.finish(connection, trial)
        trained += 1
    return trained / (time.perf_counter() - began)


async def _poll(connection: Connection, request: bytes, deadline: float) -> list[float]:
    """Seconds of each request. One that is late delays the next: a queue of our own making is not measured."""
    took = []
    due = time.perf_counter()
    while due < deadline:
        await asyncio.sleep(due - time.perf_counter())
        began = time.perf_counter()
        await connection.call(request, 200)
        now = time.perf_counter()
        took.append(now - began)
        due = max(due + _POLL_SECONDS, now)
    return took


def _steps() -> range:
    return range(1, STEPS + 1)


@contextlib.asynccontextmanager
async def _connected(address: str, count: int) -> AsyncIterator[list[Connection]]:
    opened = await connect(address, count)
    try:
        yield opened
    finally:
        for one in opened:
            one.close()


def _run(measure: Callable[[], Coroutine[Any, Any, dict[str, Any]]]) -> dict[str, Any]:
    return uvloop.run(measure())


if __name__ == "__main__":
    answer_lines({f.__name__: f for f in (reports, bare, work, asks, status, pauses, touch, lease, resume)})
