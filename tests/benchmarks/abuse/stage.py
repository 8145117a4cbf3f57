"""A service, its database and its honest workers, for hostile and unlucky clients to play beside."""

import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx2

from tests.benchmarks.faults.databases import TestedDatabase, database
from tests.benchmarks.faults.services import Service
from tests.benchmarks.filling import fill, spec_of
from tests.benchmarks.processes import BenchError, JsonLinesProcess

FILLED = "filled"
DROPPED = "dropped"
UNREADABLE = "unreadable"
HONEST = "honest"
MIB = 1 << 20
LEASE_SECONDS = 5
PATIENCE_SECONDS = 120.0
"""How long a hostile client waits for its answer."""


class Missed(Exception):
    """The service did something it should not, or left something undone."""


@dataclass(frozen=True)
class Size:
    """How much there is."""

    workers: int = 8
    trials: int = 100_000
    """Of the study that is read."""
    steps: int = 300_000
    """Of the long trial."""
    asks: int = 400
    """At once."""
    connections: int = 3000
    history: int = 500
    """Trials told to studies whose sampler is asked."""
    repeats: int = 3
    """How often each body is sent."""
    calm_seconds: float = 5.0


QUICK = Size(2, 200, 2000, 20, 60, 20, 1, 1.0)


@dataclass
class Stage:
    """One service under load. `http` is the stranger's."""

    service: Service
    database: TestedDatabase
    http: httpx2.Client
    honest: JsonLinesProcess
    size: Size
    folder: Path

    @property
    def address(self) -> str:
        """Of the service."""
        return self.service.address

    def socket(self) -> socket.socket:
        """A connection of the stranger's own."""
        host, _, port = self.address.removeprefix("http://").rpartition(":")
        return socket.create_connection((host, int(port)), timeout=PATIENCE_SECONDS)

    def call(self, method: str, path: str, body: Any = None, **more: Any) -> httpx2.Response:
        """A request of the stranger's."""
        return self.http.request(method, f"{self.address}{path}", json=body, **more)

    def study(self, name: str, **spec: Any) -> str:
        """A new study's path. Raises BenchError."""
        answer = self.call("POST", "/v1/studies", {"name": name, **spec})
        if answer.status_code != 201:
            raise BenchError(f"study {name} could not be made: {answer.status_code} {answer.text[:200]}")
        return f"/v1/studies/{name}"


def expect(answer: httpx2.Response, *statuses: int) -> str:
    """The status, for the table. Raises Missed where it is another."""
    if answer.status_code not in statuses:
        raise Missed(f"answered {answer.status_code}, not {statuses}: {answer.text[:120]}")
    return str(answer.status_code)


def until(met: Callable[[], bool], seconds: float, what: str) -> float:
    """How long it took. Raises Missed after `seconds`."""
    began = time.monotonic()
    while not met():
        if time.monotonic() - began > seconds:
            raise Missed(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.05)
    return time.monotonic() - began


@contextlib.contextmanager
def stage(kind: str, size: Size, *, filled: bool, service: type[Service] = Service) -> Iterator[Stage]:
    """A stage on a database of its own. `filled`: with a large study, a second one to drop, and an unreadable one."""
    small = replace(size, trials=20)
    with database(kind) as (db, folder), contextlib.ExitStack() as stack:
        _fill(db.url, size if filled else small)
        served = stack.enter_context(service(db.url, folder / "service.log"))
        http = stack.enter_context(httpx2.Client(timeout=PATIENCE_SECONDS, trust_env=False))
        honest = stack.enter_context(JsonLinesProcess("tests.benchmarks.abuse.honest", log=folder / "honest.log"))
        made = Stage(served, db, http, honest, size, folder)
        made.study(HONEST, sampler={"name": "random"}, pruner={"name": "none"}, lease_ttl_seconds=LEASE_SECONDS)
        honest.call(task="begin", address=made.address, study=HONEST, workers=size.workers)
        yield made


def _fill(url: str, size: Size) -> None:
    few = min(100, size.trials)
    fill(url, [(spec_of(FILLED), size.trials), (spec_of(DROPPED), size.trials), (spec_of(UNREADABLE), few)])
    _break_spec(url, UNREADABLE)


def _break_spec(url: str, name: str) -> None:
    """As after a rollback from a version that knows more."""
    from sqlalchemy import create_engine, select, update

    from lrtune.service.storage.schema import optuna_tables, tables

    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            of_name = select(optuna_tables.studies.c.study_id).where(optuna_tables.studies.c.study_name == name)
            broken = update(tables.studies).where(tables.studies.c.study_id == of_name.scalar_subquery())
            connection.execute(broken.values(spec='{"name": 7, "search_space": []}'))
    finally:
        engine.dispose()
