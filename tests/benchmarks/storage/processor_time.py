"""`bench processor`: what a report costs the service in processor time, with HTTP and without.

The figures of docs/explanation/performance.md.
"""

import asyncio
import tempfile
import time
import uuid
from pathlib import Path
from statistics import median
from typing import Annotated

import typer

from lrtune.service.wire.trials import Ask, LeasedTrial, Reports
from tests.benchmarks.command_line import Databases, Quick, kinds_of, markdown, measuring, say
from tests.benchmarks.databases import STUDY, databases_of
from tests.benchmarks.filling import STEPS
from tests.benchmarks.processes import JsonLinesProcess
from tests.benchmarks.storage.plan import Plan
from tests.benchmarks.storage.requests import LOSS
from tests.benchmarks.storage.testbed import Testbed
from tests.support.tuning import Tuning

COLUMNS = ("storage", "what", "processor time")
_TRIALS = 10_000


def processor(
    databases: Annotated[Databases, typer.Option("--storage", help="Which databases to measure on.")] = "both",
    rounds: Annotated[int, typer.Option(min=1, help="Rounds; a figure is their median.")] = 5,
    quick: Quick = False,
) -> None:
    """What a report costs the service in processor time: the figures of docs/explanation/performance.md.

    Without HTTP: 64 reports at a time to the tuning layer, each with its verdict and on disk. With HTTP: over 64
    connections, beside an empty FastAPI endpoint. A training: ask, 5 reports and result, by 8 workers. A study of
    10,000 trials.
    """
    with measuring(), tempfile.TemporaryDirectory(prefix="lrtune-bench-") as name:
        plan = Plan.quick(()) if quick else Plan(())
        count, rounds = (plan.smallest, 1) if quick else (_TRIALS, rounds)
        rows = []
        for kind in ("sqlite",) if quick else kinds_of(databases):
            folder = Path(name)
            with (
                JsonLinesProcess("tests.benchmarks.storage.load", log=folder / "load.log") as load,
                databases_of(kind, folder, say, None) as filled,
            ):
                rows += _measured(Testbed(plan, kind, filled, folder, load, say), count, rounds)
        print(markdown(COLUMNS, rows))


def _measured(testbed: Testbed, count: int, rounds: int) -> list[tuple[str, str, str]]:
    found: dict[str, list[float]] = {}
    plan, load = testbed.plan, testbed.load
    shape = {"connections": plan.connections, "trials": plan.trials_per_connection}
    with testbed.bare() as bare, testbed.service(count, "processor") as ours:
        bare.wait()
        for index in range(rounds):
            testbed.say(f"{testbed.kind}, round {index + 1} of {rounds}")
            seconds = {
                "a request to an empty endpoint": load.call(task="bare", address=bare.address, pid=bare.pid, **shape),
                "a report": load.call(task="reports", address=ours.address, study=STUDY, pid=ours.pid, **shape),
                "a training of 7 requests": load.call(
                    task="work",
                    address=ours.address,
                    study=STUDY,
                    pid=ours.pid,
                    workers=plan.workers,
                    seconds=plan.work_seconds,
                ),
            }
            for what, answer in seconds.items():
                found.setdefault(what, []).append(answer["processor_seconds"])
    url = testbed.databases.copy(count, "no-http", pruner=plan.pruner)
    try:
        with Tuning(url) as tuning:
            for _ in range(rounds):
                taken = reports_without_http(tuning, plan.connections, plan.trials_per_connection)
                found.setdefault("a report, without HTTP", []).append(taken)
    finally:
        testbed.databases.drop(url)
    return [(testbed.kind, what, _shown(median(values))) for what, values in found.items()]


def reports_without_http(tuning: Tuning, at_once: int, trials: int) -> float:
    """Processor seconds of this process for a report, each on disk when it is answered, so many at a time."""
    leased = [tuning.run(_lease(tuning)) for _ in range(at_once * trials)]

    async def report(mine: list[LeasedTrial]) -> None:
        for trial in mine:
            for step in range(1, STEPS + 1):
                body = Reports.model_validate({"lease": trial.lease, "reports": [{"step": step, "value": LOSS}]})
                await tuning.trials.report(STUDY, trial.number, body)

    async def burst() -> None:
        await asyncio.gather(*(report(leased[place::at_once]) for place in range(at_once)))

    began = time.process_time()
    tuning.run(burst())
    return (time.process_time() - began) / (len(leased) * STEPS)


async def _lease(tuning: Tuning) -> LeasedTrial:
    leased = await tuning.trials.ask(STUDY, Ask(worker="bench", request_id=uuid.uuid4().hex))
    assert isinstance(leased, LeasedTrial)
    return leased


def _shown(seconds: float) -> str:
    return f"{1e6 * seconds:.0f} µs" if seconds < 1e-3 else f"{1e3 * seconds:.1f} ms"
