"""`bench storage`: runs the rows of a plan, one kind of database after the other."""

import os
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from tests.benchmarks.databases import databases_of
from tests.benchmarks.machine import describe
from tests.benchmarks.processes import JsonLinesProcess
from tests.benchmarks.storage import latencies, pauses, takeover, throughput
from tests.benchmarks.storage.figures import Figure, Findings
from tests.benchmarks.storage.plan import Plan
from tests.benchmarks.storage.testbed import Testbed

Row = Callable[[Testbed], Iterator[Figure]]


def measure(plan: Plan, *, say: Callable[[str], None]) -> Findings:
    """Measure. Every process started has ended, and every file is gone, when it returns. Raises BenchError."""
    figures: list[Figure] = []
    notes: list[str] = []
    with tempfile.TemporaryDirectory(prefix="lrtune-bench-") as name:
        folder = Path(name)
        machine = describe(folder)
        for kind in plan.kinds:
            with (
                JsonLinesProcess("tests.benchmarks.storage.load", log=folder / "load.log") as load,
                databases_of(kind, folder, say, plan.postgres_url) as databases,
            ):
                testbed = Testbed(plan, kind, databases, folder, load, say)
                for row in _rows(plan):
                    for figure in row(testbed):
                        say(figure.summary)
                        figures.append(figure)
                notes.extend(testbed.notes)
    machine["load_at_end"] = round(os.getloadavg()[0], 2)
    return Findings(machine, figures, list(dict.fromkeys(notes)))


def _rows(plan: Plan) -> Iterator[Row]:
    if {"report", "work-random", "work-tpe"} & set(plan.rows):
        yield partial(throughput.rates, plan.rows)
    own: dict[str, Row] = {
        "ask-random": latencies.asks("random"),
        "ask-tpe": latencies.asks("tpe"),
        "ask-auto": latencies.asks("auto"),
        "status": latencies.status,
        "pauses": pauses.pauses,
    }
    for name, row in own.items():
        if name in plan.rows:
            yield row
    if {"memory", "load"} & set(plan.rows):
        yield partial(takeover.memory_and_load, plan.rows)
    if "takeover" in plan.rows:
        yield takeover.takeover
