"""A process with a share of the fleet: `begin` starts its workers in a thread, `end` waits for their end."""

import asyncio
import math
import threading
import time
from dataclasses import fields
from pathlib import Path
from typing import Any

import uvloop

from tests.benchmarks.fleet.journal import Journal
from tests.benchmarks.fleet.plan import Plan
from tests.benchmarks.fleet.wire import Route
from tests.benchmarks.fleet.worker import Worker
from tests.benchmarks.processes import BenchError
from tests.benchmarks.storage.json_lines import answer_lines

_SLEEP_SECONDS = 0.05
_AFTERWARDS_SECONDS = 180.0
"""For the last requests, and for the leases of dead workers to run out."""


class Crew:
    """The workers of one process."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._all_leased_at = math.inf
        self._error: BaseException | None = None

    def begin(self, places: list[int], plan: dict[str, Any], addresses: list[str], journal: str, begin: float) -> None:
        """Workers at these `places` begin to ask at `begin`, by the machine's monotonic clock."""
        known = Plan(**{field.name: _tuple(plan[field.name]) for field in fields(Plan)})
        given = (places, known, addresses, Path(journal), begin)
        self._thread = threading.Thread(target=self._run, args=given, daemon=True)
        self._thread.start()

    def end(self, timeout_seconds: float) -> float:
        """Wait until all have stopped; when the last one had his first trial. Raises BenchError."""
        assert self._thread is not None
        self._thread.join(timeout_seconds + _AFTERWARDS_SECONDS)
        if self._thread.is_alive() or self._error:
            raise BenchError(f"the workers did not stop: {self._error}")
        return self._all_leased_at

    def _run(self, *given: Any) -> None:
        try:
            uvloop.run(self._work(*given))
        except BaseException as error:
            self._error = error

    async def _work(self, places: list[int], plan: Plan, addresses: list[str], path: Path, begin: float) -> None:
        journal = Journal(path)
        try:
            route = Route(addresses)
            workers = [Worker(place, plan, route, journal, begin + plan.seconds) for place in places]
            tasks = [asyncio.create_task(worker.work(begin)) for worker in workers]
            tasks.append(asyncio.create_task(_sleep(journal, begin, begin + plan.seconds)))
            await asyncio.gather(*tasks)
            self._all_leased_at = max(worker.first_leased_at for worker in workers)
        finally:
            journal.close()


async def _sleep(journal: Journal, begin: float, until: float) -> None:
    """Note how late a sleep ends: what the machine and the load themselves add to every time."""
    await asyncio.sleep(begin - time.monotonic())
    while (now := time.monotonic()) < until:
        await asyncio.sleep(_SLEEP_SECONDS)
        journal.time("sleep", now, max(0.0, time.monotonic() - now - _SLEEP_SECONDS))


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def main() -> None:
    """Answer lines of JSON: `begin`, `end`."""
    crew = Crew()
    answer_lines({"begin": crew.begin, "end": crew.end})


if __name__ == "__main__":
    main()
