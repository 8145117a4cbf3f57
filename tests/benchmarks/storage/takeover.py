"""Rows about a service's life: what a study costs in memory, how long it loads, how fast a standby takes over."""

import time
from collections.abc import Iterator

from tests.benchmarks.databases import STUDY, WARM_STUDY
from tests.benchmarks.processes import JsonLinesProcess, service_process
from tests.benchmarks.storage.figures import Check, Figure, Rounds
from tests.benchmarks.storage.testbed import Testbed
from tests.benchmarks.storage.throughput import OURS, STOCK

_MEMORY_BYTES = 3 * 1024
_LOAD_SHARE = 0.1
_TAKEOVER_SECONDS = 5.0
_LARGE = 100_000
_TAKEOVER_AT = 10_000
_SETTLE_SECONDS = 1.0


def memory_and_load(rows: tuple[str, ...], testbed: Testbed) -> Iterator[Figure]:
    """Resident bytes per finished trial, and seconds to load a study; stock's `get_all_trials` beside both."""
    plan = testbed.plan
    memory, load = Rounds(), Rounds()
    for index in range(plan.rounds):
        testbed.say(f"{testbed.kind}, loading {plan.largest:,} trials, round {index + 1} of {plan.rounds}")
        seconds, size = _load_ours(testbed, plan.largest)
        load.add(OURS, seconds)
        memory.add(OURS, size)
        seconds, size = _load_stock(testbed, plan.largest)
        load.add(STOCK, seconds)
        memory.add(STOCK, size)
    judged = plan.largest >= _LARGE
    if "memory" in rows:
        sides = memory.sides()
        checks = (Check(sides[OURS], None, _MEMORY_BYTES, False, judged),)
        title = "memory per finished trial"
        yield Figure("memory", title, testbed.kind, plan.largest, "bytes", tuple(sides.values()), checks)
    if "load" in rows:
        sides = load.sides()
        checks = (Check(sides[OURS], sides[STOCK], _LOAD_SHARE, False, judged),)
        title = "loading a study"
        yield Figure("load", title, testbed.kind, plan.largest, "s", tuple(sides.values()), checks)


def _load_ours(testbed: Testbed, count: int) -> tuple[float, float]:
    """Seconds of the first GET of the study, and what it added to the service's resident memory, per trial."""
    with testbed.service(count, "load", warm=False) as service:
        before = service.resident_bytes
        seconds = testbed.load.call(task="touch", address=service.address, study=STUDY)["seconds"]
        time.sleep(_SETTLE_SECONDS)
        return seconds, (service.resident_bytes - before) / count


def _load_stock(testbed: Testbed, count: int) -> tuple[float, float]:
    """The same of stock's `get_all_trials`, in a process of its own."""
    url = testbed.databases.copy(count, "load-stock", stock=True)
    try:
        with JsonLinesProcess("tests.benchmarks.storage.stock", log=testbed.log("load-stock")) as stock:
            stock.call(task="load", storage=url, study=WARM_STUDY)
            answer = stock.call(task="load", storage=url, study=STUDY)
            return answer["seconds"], answer["bytes"]
    finally:
        testbed.databases.drop(url)


def takeover(testbed: Testbed) -> Iterator[Figure]:
    """Seconds from kill −9 of the active service until a standby takes a report of a trial that was on lease."""
    plan = testbed.plan
    count = plan.near(_TAKEOVER_AT)
    rounds = Rounds()
    for index in range(plan.rounds):
        testbed.say(f"{testbed.kind}, takeover, round {index + 1} of {plan.rounds}")
        rounds.add(OURS, _take_over(testbed, count))
    sides = rounds.sides()
    checks = (Check(sides[OURS], None, _TAKEOVER_SECONDS, False, count == _TAKEOVER_AT),)
    yield Figure("takeover", "takeover after kill −9", testbed.kind, count, "s", tuple(sides.values()), checks)


def _take_over(testbed: Testbed, count: int) -> float:
    url = testbed.databases.copy(count, "takeover")
    try:
        with service_process(url, testbed.log("active")) as active:
            active.wait()
            trial = testbed.load.call(task="lease", address=active.address, study=STUDY)
            with service_process(url, testbed.log("standby")) as standby:
                standby.wait()
                held = [trial["number"], trial["lease"]]
                testbed.load.send(task="resume", address=standby.address, study=STUDY, trial=held, seconds=60.0)
                time.sleep(_SETTLE_SECONDS)
                killed = time.monotonic()
                active.kill()
                testbed.load.receive()
                return time.monotonic() - killed
    finally:
        testbed.databases.drop(url)
