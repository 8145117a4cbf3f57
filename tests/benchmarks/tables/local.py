"""`bench local`: what a report costs where the engine is inside the script's process.

The table of docs/reference/benchmarks.md.
"""

import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Annotated
from uuid import uuid4

import typer

from lrtune import Client, LeasedTrial, StudyHandle
from tests.benchmarks.command_line import Quick, markdown, measuring, say
from tests.benchmarks.machine import describe
from tests.benchmarks.processes import BenchError, service_process

THREADS = (1, 8)
WARM_REPORTS = 50
SIDES = ("a service over loopback", "inside the process")
MANY = 10**9


def leased(study: StudyHandle) -> LeasedTrial:
    """A trial of the study. Raises BenchError where it has none."""
    trial = next(study.leases(), None)
    if trial is None:
        raise BenchError("the study has no trial left")
    return trial


def report_until(trial: LeasedTrial, start: threading.Barrier, seconds: float) -> tuple[int, float]:
    """How many reports were answered with a verdict, and in how many seconds; those before `start` are not counted."""
    with trial:
        for step in range(1, WARM_REPORTS + 1):
            trial.report(step, 1.0)
        start.wait()
        began, step = time.perf_counter(), WARM_REPORTS
        while time.perf_counter() - began < seconds:
            step += 1
            trial.report(step, 1.0)
        return step - WARM_REPORTS, time.perf_counter() - began


def reports_a_second(client: Client, threads: int, seconds: float) -> float:
    """Of so many threads together, each with a trial of its own. Raises BenchError where one does not end well."""
    study = client.create_study(f"bench-{uuid4()}", max_steps=MANY, sampler="random", pruner="none")
    trials = [leased(study) for _ in range(threads)]
    start, counted = threading.Barrier(threads), list[tuple[int, float]]()
    workers = [
        threading.Thread(target=lambda trial=trial: counted.append(report_until(trial, start, seconds)), daemon=True)
        for trial in trials
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(seconds + 60)
    if len(counted) < threads:
        raise BenchError(f"{threads - len(counted)} of {threads} threads did not report to the end")
    return sum(reports / took for reports, took in counted)


def local(
    rounds: Annotated[int, typer.Option(min=1, help="Of each side, in turns.")] = 5,
    seconds: Annotated[float, typer.Option(min=0.1, help="Of each round.")] = 2.0,
    quick: Quick = False,
) -> None:
    """How many reports a second does one script send, without a service and with one?

    The table of docs/reference/benchmarks.md: `trial.report` with its verdict, on disk when it returns, by one thread
    and by eight, on SQLite.
    """
    rounds, seconds = (1, 0.2) if quick else (rounds, seconds)
    with measuring(), ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lrtune-bench-")))
        say(", ".join(f"{name} {value}" for name, value in describe(folder).items()))
        service = stack.enter_context(service_process(f"sqlite:///{folder}/served.db", folder / "log")).wait()
        servers = (service.address, f"local:{folder}/local.db")
        clients = [stack.enter_context(Client(server, retry_seconds=5)) for server in servers]
        rows = []
        for threads in THREADS:
            found: list[list[float]] = [[] for _ in clients]
            for _ in range(rounds):
                for client, so_far in zip(clients, found, strict=True):
                    so_far.append(reports_a_second(client, threads, seconds))
            ratio = median(inside / served for served, inside in zip(*found, strict=True))
            rows.append((str(threads), *(f"{median(one):,.0f} /s" for one in found), f"{ratio:.2f} ×"))
        print(markdown(("threads", *SIDES, "ratio"), rows))
