"""Strangers who send wrong tokens, beside an honest worker: how long does that one wait for its verdicts?"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.benchmarks.access.guarded import STUDY, Guarded, guarded
from tests.benchmarks.processes import BenchError
from tests.benchmarks.storage.figures import Check, Figure, Rounds
from tests.benchmarks.storage.load import quantile

MUST = 2.0
"""The honest worker's 99th percentile beside a flood, as a ratio to that without."""
_FEWEST = 5
_SETTLE_SECONDS = 2.0


@dataclass(frozen=True)
class Size:
    """How long, and how often."""

    seconds: float = 4.0
    rounds: int = 7
    judged: bool = True


QUICK = Size(0.5, 1, judged=False)


@dataclass(frozen=True)
class Flood:
    """Strangers: from how many addresses, with how many connections each."""

    row: str
    title: str
    sources: tuple[str, ...]
    connections: int


FLOODS = (
    Flood("four", "4 clients, each from its own address", tuple(f"127.0.0.{number}" for number in range(2, 6)), 1),
    Flood("one-address", "4 clients from the worker's address", ("127.0.0.1",), 4),
    Flood("many", "200 connections from the worker's address", ("127.0.0.1",), 200),
    Flood("many-each", "4 clients with 200 connections each", tuple(f"127.0.0.{n}" for n in range(2, 6)), 200),
)


def measure(kind: str, size: Size, say: Callable[[str], None]) -> Iterator[Figure]:
    """A figure for each flood: milliseconds at the 99th percentile of the worker's reports, with nobody else there and
    beside the strangers, in turns. Raises BenchError where the worker is refused, or a stranger is let in."""
    for flood in FLOODS:
        with guarded(kind) as service:
            yield _figure(kind, service, flood, size, say)


def _figure(kind: str, service: Guarded, flood: Flood, size: Size, say: Callable[[str], None]) -> Figure:
    rounds, statuses = Rounds(), Counter[str]()
    _reports(service, size.seconds / 2)
    for index in range(size.rounds):
        rounds.add("calm", _reports(service, size.seconds))
        task = {"address": service.service.address, "study": STUDY, "connections": flood.connections}
        whole = size.seconds + 2 * _SETTLE_SECONDS
        service.strangers.send(task="flood", sources=flood.sources, seconds=whole, **task)
        time.sleep(_SETTLE_SECONDS)
        rounds.add("flooded", _reports(service, size.seconds))
        answered = service.strangers.receive()
        statuses.update(answered)
        say(f"{kind}, {flood.title}, round {index + 1} of {size.rounds}: the strangers got {_told(answered)}")
    if statuses.keys() - {"401", "429", "0"} or not statuses:
        raise BenchError(f"strangers with wrong tokens got {_told(statuses)}")
    sides = rounds.sides()
    check = Check(sides["flooded"], sides["calm"], MUST, False, size.judged)
    return Figure(flood.row, flood.title, kind, 0, "ms", tuple(sides.values()), (check,))


def _reports(service: Guarded, seconds: float) -> float:
    waits = service.worker.call(task="report", seconds=seconds)
    if len(waits) < _FEWEST:
        raise BenchError(f"the honest worker got {len(waits)} verdicts in {seconds:g} s")
    return 1000 * quantile(waits, 0.99)


def _told(statuses: dict[str, int]) -> str:
    return ", ".join(f"{status} {count:,} times" for status, count in sorted(statuses.items())) or "nothing"
