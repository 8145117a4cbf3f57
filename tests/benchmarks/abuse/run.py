"""Plays the scenarios, each beside the honest workers, and says what these met."""

import time
from collections.abc import Callable, Iterator, Sequence
from statistics import median

import httpx2

from tests.benchmarks.abuse import asks, bodies, connections, database, leases, reads, strangers
from tests.benchmarks.abuse.scenario import Row, Scenario
from tests.benchmarks.abuse.stage import Missed, Size, Stage, stage
from tests.benchmarks.faults.services import Service
from tests.benchmarks.storage.load import quantile

STAGES: tuple[tuple[Sequence[Scenario], bool, type[Service]], ...] = (
    (
        (
            *bodies.SCENARIOS,
            *strangers.SCENARIOS,
            *connections.SCENARIOS,
            *database.SCENARIOS,
            *asks.SCENARIOS,
            *reads.SCENARIOS,
        ),
        True,
        Service,
    ),
    (leases.STOPPED, False, Service),
    (leases.CLOCK, False, leases.ShiftedService),
    (database.REPLACED, False, Service),
)
"""Scenarios that share a service; whether its database is filled; which kind of service."""


def run(kind: str, size: Size, only: Sequence[str], say: Callable[[str], None]) -> Iterator[Row]:
    """The rows of one database. `only`: parts of the names to play, all where there are none."""
    for scenarios, filled, service in STAGES:
        wanted = [one for one in scenarios if kind in one.kinds and _named(one, only)]
        if not wanted:
            continue
        with stage(kind, size, filled=filled, service=service) as opened:
            yield from _play_all(kind, opened, wanted, say)


def _named(scenario: Scenario, only: Sequence[str]) -> bool:
    return not only or any(part in scenario.name or part == scenario.heading for part in only)


def _play_all(kind: str, opened: Stage, scenarios: Sequence[Scenario], say: Callable[[str], None]) -> Iterator[Row]:
    _look(opened)
    time.sleep(opened.size.calm_seconds)
    calm = max(_look(opened)["waits"], default=0.0)
    for scenario in scenarios:
        say(f"{kind}: {scenario.heading}, {scenario.name}")
        wrong = []
        try:
            told = scenario.play(opened)
        except (Missed, httpx2.TransportError) as missed:
            told = str(missed) or type(missed).__name__
            wrong.append(told)
        time.sleep(0.2)
        met = _look(opened)
        waits = met["waits"] or [0.0]
        yield Row(
            kind,
            scenario.heading,
            scenario.name,
            told,
            len(met["waits"]),
            median(waits),
            quantile(waits, 0.99),
            max(waits),
            calm,
            met["lost"],
            met["refused"],
            scenario.judged,
            wrong + [what for what in met["wrong"] if scenario.judged],
        )


def _look(opened: Stage) -> dict[str, list]:  # type: ignore[type-arg]
    found: dict[str, list] = opened.honest.call(task="seen")  # type: ignore[type-arg]
    return found
