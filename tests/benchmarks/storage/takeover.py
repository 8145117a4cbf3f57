"""Rows about a service's life: what a study costs in memory, how long it loads, how fast a standby takes over."""

import time
from collections.abc import Iterator

from tests.benchmarks.databases import STUDY, WARM_STUDY
from tests.benchmarks.processes import Asked, service_process
from tests.benchmarks.storage.figures import Check, Figure, Rounds
from tests.benchmarks.storage.throughput import OURS, STOCK
from tests.benchmarks.storage.workplace import Workplace

_MEMORY_BYTES = 3 * 1024
_LOAD_SHARE = 0.1
_TAKEOVER_SECONDS = 5.0
_LARGE = 100_000
_TAKEOVER_AT = 10_000
_SETTLE_SECONDS = 1.0


def memory_and_load(rows: tuple[str, ...], place: Workplace) -> Iterator[Figure]:
    """Resident bytes per finished trial, and seconds to load a study; stock's `get_all_trials` beside both."""
    plan = place.plan
    memory, load = Rounds(), Rounds()
    for index in range(plan.rounds):
        place.say(f"{place.kind}, loading {plan.largest:,} trials, round {index + 1} of {plan.rounds}")
        seconds, size = _load_ours(place, plan.largest)
        load.add(OURS, seconds)
        memory.add(OURS, size)
        seconds, size = _load_stock(place, plan.largest)
        load.add(STOCK, seconds)
        memory.add(STOCK, size)
    judged = plan.largest >= _LARGE
    if "memory" in rows:
        sides = memory.sides()
        checks = (Check(sides[OURS], None, _MEMORY_BYTES, False, judged),)
        title = "memory per finished trial"
        yield Figure("memory", title, place.kind, plan.largest, "bytes", tuple(sides.values()), checks)
    if "load" in rows:
        sides = load.sides()
        checks = (Check(sides[OURS], sides[STOCK], _LOAD_SHARE, False, judged),)
        title = "loading a study"
        yield Figure("load", title, place.kind, plan.largest, "s", tuple(sides.values()), checks)


def _load_ours(place: Workplace, count: int) -> tuple[float, float]:
    """Seconds of the first GET of the study, and what it added to the service's resident memory, per trial."""
    with place.service(count, "load", warm=False) as service:
        before = service.resident_bytes
        seconds = place.load.ask(task="touch", address=service.address, study=STUDY)["seconds"]
        time.sleep(_SETTLE_SECONDS)
        return seconds, (service.resident_bytes - before) / count


def _load_stock(place: Workplace, count: int) -> tuple[float, float]:
    """The same of stock's `get_all_trials`, in a process of its own."""
    url = place.databases.copy(count, "load-stock", stock=True)
    try:
        with Asked("tests.benchmarks.storage.stock", log=place.log("load-stock")) as stock:
            stock.ask(task="load", storage=url, study=WARM_STUDY)
            answer = stock.ask(task="load", storage=url, study=STUDY)
            return answer["seconds"], answer["bytes"]
    finally:
        place.databases.drop(url)


def takeover(place: Workplace) -> Iterator[Figure]:
    """Seconds from kill −9 of the active service until a standby takes a report of a trial that was on lease."""
    plan = place.plan
    count = plan.near(_TAKEOVER_AT)
    rounds = Rounds()
    for index in range(plan.rounds):
        place.say(f"{place.kind}, takeover, round {index + 1} of {plan.rounds}")
        rounds.add(OURS, _take_over(place, count))
    sides = rounds.sides()
    checks = (Check(sides[OURS], None, _TAKEOVER_SECONDS, False, count == _TAKEOVER_AT),)
    yield Figure("takeover", "takeover after kill −9", place.kind, count, "s", tuple(sides.values()), checks)


def _take_over(place: Workplace, count: int) -> float:
    url = place.databases.copy(count, "takeover")
    try:
        with service_process(url, place.log("active")) as active:
            active.wait()
            trial = place.load.ask(task="lease", address=active.address, study=STUDY)
            with service_process(url, place.log("standby")) as standby:
                standby.wait()
                held = [trial["number"], trial["lease"]]
                place.load.start(task="resume", address=standby.address, study=STUDY, trial=held, seconds=60.0)
                time.sleep(_SETTLE_SECONDS)
                killed = time.monotonic()
                active.kill()
                place.load.answer()
                return time.monotonic() - killed
    finally:
        place.databases.drop(url)
