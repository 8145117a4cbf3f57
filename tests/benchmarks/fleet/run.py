"""Runs a fleet: services, workers, a kill and a drain, and the comparison at the end."""

import contextlib
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import httpx2

from tests.benchmarks.faults.check import read_rows
from tests.benchmarks.faults.databases import TestedDatabase, database
from tests.benchmarks.fleet import check
from tests.benchmarks.fleet.figures import Found
from tests.benchmarks.fleet.journal import entries, timings
from tests.benchmarks.fleet.meter import Meter, Sample
from tests.benchmarks.fleet.plan import Plan
from tests.benchmarks.fleet.services import Duo, Fault, SkewedService
from tests.benchmarks.processes import BenchError, JsonLinesProcess, wait_until

_BEGIN_IN_SECONDS = 2.0

Say = Callable[[str], None]


def run(plan: Plan, say: Say) -> Found:
    """Play it. Raises BenchError."""
    with contextlib.ExitStack() as stack:
        db, _ = stack.enter_context(database("postgresql"))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lrtune-fleet-")))
        crews = [
            stack.enter_context(JsonLinesProcess("tests.benchmarks.fleet.crew", log=folder / f"crew-{n}.log"))
            for n in range(plan.processes)
        ]
        say("starting two services")
        logs = (folder / "first.log", folder / "second.log")
        offsets = zip(logs, plan.clock_offsets, strict=True)
        services = [stack.enter_context(SkewedService(db.url, log, offset)) for log, offset in offsets]
        duo = stack.enter_context(Duo(services))
        _create_studies(duo.writer().address, plan)
        return _play(plan, db, duo, crews, folder, say)


def _create_studies(address: str, plan: Plan) -> None:
    with httpx2.Client(timeout=30, trust_env=False) as http:
        for spec in plan.studies():
            answer = http.post(f"{address}/v1/studies", json=spec)
            if answer.status_code != 201:
                raise BenchError(f"study {spec['name']} could not be made: {answer.text[:300]}")


def _play(plan: Plan, db: TestedDatabase, duo: Duo, crews: Sequence[JsonLinesProcess], folder: Path, say: Say) -> Found:
    journals = [folder / f"journal-{n}.jsonl" for n in range(len(crews))]
    begin = time.monotonic() + _BEGIN_IN_SECONDS
    addresses = [service.address for service in duo.services]
    say(f"{plan.workers:,} workers ask at once, and work for {plan.seconds:.0f} s")
    for n, crew in enumerate(crews):
        places = list(range(n, plan.workers, len(crews)))
        crew.call(
            task="begin", places=places, plan=asdict(plan), addresses=addresses, journal=str(journals[n]), begin=begin
        )
    samples: list[Sample] = []
    meter = Meter([crew.pid for crew in crews])
    faults = list(
        _faults(plan, duo, begin, lambda at: samples.append(meter.sample(at, duo.active.pid, duo.pids())), say)
    )
    say("all stop; leases of dead workers run out")
    for crew in crews:
        crew.send(task="end", timeout_seconds=plan.lease_ttl_seconds)
    cold = max([crew.receive() for crew in crews]) - begin
    say("comparing what they know with the database")
    return _compared(plan, db, Found(plan, begin, cold, faults, samples), journals)


def _faults(plan: Plan, duo: Duo, begin: float, look: Callable[[float], None], say: Say) -> Iterator[Fault]:
    """Until the end of the run, with a `look` at the processes once a second."""
    due = [(plan.kill_at, "killing", duo.kill), (plan.drain_at, "draining", duo.drain)]
    now = time.monotonic()
    while now < begin + plan.seconds:
        look(now - begin)
        if due and now >= begin + due[0][0] * plan.seconds:
            _, what, strike = due.pop(0)
            say(f"{what} the writer")
            fault = strike()
            say(f"taken over after {fault.seconds:.1f} s")
            yield fault
        wait_until(min(now + 1.0, begin + plan.seconds))
        now = time.monotonic()


def _compared(plan: Plan, db: TestedDatabase, found: Found, journals: Sequence[Path]) -> Found:
    told = entries(list(journals))
    broken = check.of_errors(told)
    for spec in plan.studies():
        rows = read_rows(db.url, spec["name"])
        broken += check.of_reports(rows, spec["name"], told)
        broken += check.of_results(rows, spec["name"], told)
        broken += check.of_budgets(rows, spec, told)
    of_leases, found.twice = check.of_leases(told)
    takeovers = [fault.taken_over_at for fault in found.faults]
    found.broken = broken + of_leases
    found.take(told, timings(list(journals)), [seconds for _, seconds in check.freed_after(told, takeovers)])
    return found
