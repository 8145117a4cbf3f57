"""The row `pauses`: for how long everything stands still while garbage is collected, and what a report then takes."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.databases import STUDY
from tests.benchmarks.processes import timed_service_process
from tests.benchmarks.storage.figures import Check, Figure, Rounds
from tests.benchmarks.storage.testbed import Testbed

LONGEST, USUAL, SLOWEST = "longest collection", "report, p99.9", "slowest report"
_MUST_MILLISECONDS = 25.0
_JUDGED_AT = (100, 100_000)


def pauses(testbed: Testbed) -> Iterator[Figure]:
    """A minute of trainings over 64 connections, at each size."""
    for count in dict.fromkeys((testbed.plan.smallest, testbed.plan.largest)):
        yield _at(testbed, count)


def _at(testbed: Testbed, count: int) -> Figure:
    plan, rounds = testbed.plan, Rounds()
    for index in range(plan.rounds):
        testbed.say(f"{testbed.kind}, {count:,} trials, pauses, round {index + 1} of {plan.rounds}")
        for name, seconds in _once(testbed, count).items():
            rounds.add(name, 1000 * seconds)
    sides = rounds.sides()
    check = Check(sides[LONGEST], None, _MUST_MILLISECONDS, False, not plan.short and count in _JUDGED_AT)
    title = f"standing still under load, {plan.connections} connections"
    return Figure("pauses", title, testbed.kind, count, "ms", tuple(sides.values()), (check,))


def _once(testbed: Testbed, count: int) -> dict[str, float]:
    """Seconds. Collections are timed by the processor: what else the machine does is no collection."""
    plan, timings = testbed.plan, testbed.folder / f"{testbed.kind}-collections"
    url = testbed.databases.copy(count, "pauses", pruner=plan.pruner)
    try:
        with timed_service_process(url, timings, testbed.log("pauses")) as service:
            service.wait()
            testbed.load.call(task="touch", address=service.address, study=STUDY)
            before, began = service.resident_bytes, time.monotonic()
            found = testbed.load.call(
                task="pauses",
                address=service.address,
                study=STUDY,
                connections=plan.connections,
                seconds=plan.pause_seconds,
            )
            ended, after = time.monotonic(), service.resident_bytes
    finally:
        testbed.databases.drop(url)
    testbed.notes.append(
        f"{testbed.kind}, {count:,} trials: {found['reports'] / (ended - began):,.0f} reports a second; resident "
        f"memory grew from {before / 1e6:.0f} to {after / 1e6:.0f} MB with {found['trainings']:,.0f} trainings"
    )
    return {LONGEST: _longest(timings, began, ended), USUAL: found["p999"], SLOWEST: found["longest"]}


def _longest(timings: Path, began: float, ended: float) -> float:
    """Processor seconds of the longest collection that began within that time of the monotonic clock."""
    collections = [json.loads(line) for line in timings.read_text().splitlines()]
    return max((taken for at, _, _, taken in collections if began <= at <= ended), default=0.0)
