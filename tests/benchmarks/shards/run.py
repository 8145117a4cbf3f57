"""What `bench shards` measures, each on a database of its own."""

import contextlib
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import httpx2

from lrtune.service.storage.memory.shards import SHARDS
from tests.benchmarks.databases import Databases, databases_of
from tests.benchmarks.faults.services import Service
from tests.benchmarks.processes import BenchError, JsonLinesProcess
from tests.benchmarks.shards.steady import SteadyLoad

_WAIT_SECONDS = 60.0
_SPEC = {"sampler": {"name": "random"}, "pruner": {"name": "none"}, "max_steps": 1_000_000, "prior": "none"}

Say = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """How much of it."""

    studies: int = 32
    steps: int = 200
    rounds: int = 3
    moves: int = 5
    """How often a process is killed, and how often one is told to end."""


QUICK = Plan(studies=8, steps=10, rounds=1, moves=1)


@dataclass(frozen=True)
class Throughput:
    """Medians over the rounds."""

    rate: float
    """Reports a second."""
    processor_milliseconds: float
    """For a report, of all processes of the service together."""


@dataclass(frozen=True)
class Move:
    """A process ended under load."""

    seconds: float
    """The longest that any study waited for an acknowledgement."""
    failed: int
    """Calls that were refused, none being repeated by the client."""
    reports: int


@dataclass(frozen=True)
class Findings:
    """All figures."""

    one: Throughput
    two: Throughput
    """Two processes, each study asked for at its owner."""
    hop: Throughput
    """Two processes, all asked for at one of them."""
    killed: list[Move]
    told_to_end: list[Move]


def run(plan: Plan, say: Say, postgres_url: str | None = None) -> Findings:
    """Measure all of it. Raises BenchError."""
    with (
        tempfile.TemporaryDirectory(prefix="lrtune-bench-") as name,
        databases_of("postgresql", Path(name), say, postgres_url) as databases,
    ):
        folder = Path(name)
        say("one process, then two")
        one = _throughput(databases, folder, plan, processes=1, straight=True)
        two = _throughput(databases, folder, plan, processes=2, straight=True)
        hop = _throughput(databases, folder, plan, processes=2, straight=False)
        killed, told = [], []
        for number in range(plan.moves):
            say(f"a process ends under load, {number + 1} of {plan.moves}")
            killed.append(_move(databases, folder, plan, signal.SIGKILL))
            told.append(_move(databases, folder, plan, signal.SIGTERM))
        return Findings(one, two, hop, killed, told)


@contextlib.contextmanager
def _services(databases: Databases, folder: Path, count: int) -> Iterator[list[Service]]:
    """So many processes, each with its share of the shards."""
    url = databases.empty("shards")
    try:
        with contextlib.ExitStack() as stack:
            services = [
                stack.enter_context(Service(url, folder / f"{number}.log", advertise="http://127.0.0.1:0"))
                for number in range(count)
            ]
            _until(lambda: all(shards_of(one) == SHARDS // count for one in services), "the shards are shared out")
            yield services
    finally:
        databases.drop(url)


def shards_of(service: Service) -> int:
    """How many shards it serves."""
    return int(httpx2.get(f"{service.address}/readyz", trust_env=False).json().get("shards", -1))


def _until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _WAIT_SECONDS
    while not holds():
        if time.monotonic() > deadline:
            raise BenchError(f"after {_WAIT_SECONDS:.0f} s it is not so that {what}")
        time.sleep(0.02)


def _create(service: Service, plan: Plan) -> dict[str, str]:
    """Studies, each with the address of its owner."""
    owners: dict[str, str] = {}
    with httpx2.Client(base_url=service.address, trust_env=False, timeout=30) as client:
        for name in (f"study-{number}" for number in range(plan.studies)):
            created = client.post("/v1/studies", json={"name": name, **_SPEC})
            if created.status_code != 201:
                raise BenchError(f"a study was refused: {created.text}")
            owners[name] = created.headers.get("lrtune-owner", service.address)
    return owners


def _throughput(databases: Databases, folder: Path, plan: Plan, *, processes: int, straight: bool) -> Throughput:
    with (
        _services(databases, folder, processes) as services,
        JsonLinesProcess("tests.benchmarks.shards.load", log=folder / "load.log") as load,
    ):
        owners = _create(services[0], plan)
        studies = owners if straight else dict.fromkeys(owners, services[0].address)
        pids = [one.pid for one in services]
        found = [
            load.call(task="reports", studies=studies, steps=plan.steps, pids=pids) for _ in range(plan.rounds + 1)
        ][1:]
        rate, seconds = (median(one[what] for one in found) for what in ("rate", "processor_seconds"))
        return Throughput(rate, 1000 * seconds)


def _move(databases: Databases, folder: Path, plan: Plan, number: signal.Signals) -> Move:
    """End the second of two processes; all calls are made to the first."""
    with _services(databases, folder, 2) as (first, second):
        names = list(_create(first, plan))
        with SteadyLoad(first.address, names) as load:
            _until(lambda: min(load.reports.values()) > 1, "all studies are reported to")
            second.kill() if number is signal.SIGKILL else second.end()
            _until(lambda: shards_of(first) == SHARDS, "all shards are served")
            before = dict(load.reports)
            _until(lambda: all(load.reports[name] > before[name] for name in names), "all studies go on")
        return Move(max(load.longest.values()), len(load.failed), load.total)
