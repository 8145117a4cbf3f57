"""The faults that `lrtune bench faults` brings about, each under load and followed by a check."""

import contextlib
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import psycopg
from sqlalchemy import make_url

from service.bench.faults_databases import (
    Place,
    PostgresServer,
    SqliteFile,
    cannot_mount,
    database,
    full_disk,
)
from service.bench.faults_forwarder import Forwarder
from service.bench.faults_rounds import Load, Outcome, Size
from service.bench.faults_services import Service
from service.bench.filling import fill, spec_of
from service.bench.processes import BenchError

DEPOSED_EXIT_CODE = 75
_DEPOSE_AFTER_SECONDS = 6
_DISK_MEGABYTES = {"sqlite": 32, "postgresql": 256}
_HISTORY = "history"
_READY_SECONDS = 60.0
_NOTICED_SECONDS = 20.0

Say = Callable[[str], None]
Strike = Callable[[], float | None]


@dataclass(frozen=True)
class Plan:
    """How often each fault comes, and how much load there is."""

    kills: int = 50
    database_stops: int = 10
    cuts: int = 10
    full_disks: int = 5
    trials_on_full_disk: int = 400
    """Enough that PostgreSQL's files have to grow."""
    neighbours: tuple[float, ...] = (3.0, 15.0)
    """Seconds for which another process holds SQLite's write lock."""
    takeovers: int = 5
    stops: int = 5
    silences: int = 2
    history: int = 10_000
    """Finished trials of the study that a standby takes over."""
    size: Size = field(default_factory=Size)


QUICK = Plan(
    kills=1,
    database_stops=1,
    cuts=1,
    full_disks=1,
    trials_on_full_disk=100,
    neighbours=(1.0,),
    takeovers=1,
    stops=0,
    silences=0,
    history=300,
    size=Size(workers=3, trials=12, steps=4),
)


def run(kind: str, plan: Plan, say: Say) -> Iterator[Outcome]:
    """Break things on that kind of database and yield what came of each. Raises BenchError."""
    yield from _one_service(kind, plan, say)
    yield from _small_disk(kind, plan, say)
    yield from _two_services(kind, plan, say)


def _rounds(load: Load, fault: str, strikes: list[Strike], say: Say, trials: int | None = None) -> Outcome:
    outcome = Outcome(load.storage, fault)
    for number, strike in enumerate(strikes, 1):
        say(f"{load.storage}: {fault}, {number} of {len(strikes)}")
        try:
            load.round(outcome, strike, trials)
        except BenchError as error:
            outcome.violations.append(str(error))
            break
    return outcome


# One service


def _one_service(kind: str, plan: Plan, say: Say) -> Iterator[Outcome]:
    say(f"{kind}: starting a service and {plan.size.workers} workers")
    with (
        database(kind) as (place, _),
        tempfile.TemporaryDirectory(prefix="lrtune-faults-") as folder,
        Service(place.url, Path(folder) / "service.log") as service,
        Load(service.address, Path(folder), plan.size, place.url, kind) as load,
    ):

        def kill() -> None:
            service.kill()
            service.start()

        yield _rounds(load, "kill -9 of the service", [kill] * plan.kills, say)
        if isinstance(place, PostgresServer):
            yield from _break_postgres(load, place, plan, say)
        else:
            holds = [_hold(place, seconds) for seconds in plan.neighbours]
            yield _rounds(load, "neighbour holds the lock", holds, say)


def _hold(place: SqliteFile, seconds: float) -> Strike:
    return lambda: place.hold_write_lock(seconds)


def _break_postgres(load: Load, server: PostgresServer, plan: Plan, say: Say) -> Iterator[Outcome]:
    def stop() -> None:
        server.stop_at_once()
        server.start()

    def cut() -> None:
        for _ in range(10):
            server.cut_connections()
            time.sleep(0.15)

    yield _rounds(load, "stop -m immediate", [stop] * plan.database_stops, say)
    yield _rounds(load, "connections cut", [cut] * plan.cuts, say)


# A small disk


def _small_disk(kind: str, plan: Plan, say: Say) -> Iterator[Outcome]:
    why_not = cannot_mount()
    if why_not is not None:
        say(f"{kind}: no full disk: {why_not}")
        return
    say(f"{kind}: starting a service on a small disk")
    with (
        database(kind, disk_megabytes=_DISK_MEGABYTES[kind]) as (place, disk),
        tempfile.TemporaryDirectory(prefix="lrtune-faults-") as folder,
        Service(place.url, Path(folder) / "service.log") as service,
        Load(service.address, Path(folder), plan.size, place.url, kind) as load,
    ):
        strikes: list[Strike] = [lambda: _fill_disk(place, disk, service)] * plan.full_disks
        yield _rounds(load, "disk full", strikes, say, plan.trials_on_full_disk)


def _fill_disk(place: Place, disk: Path, service: Service) -> None:
    try:
        with full_disk(disk):
            service.wait_until_not_ready(_NOTICED_SECONDS)
            time.sleep(2.0)
    finally:
        place.ensure_runs()


# A standby


def _two_services(kind: str, plan: Plan, say: Say) -> Iterator[Outcome]:
    say(f"{kind}: filling a study with {plan.history:,} trials, starting a service and its standby")
    with contextlib.ExitStack() as stack:
        place, _ = stack.enter_context(database(kind))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lrtune-faults-")))
        fill(place.url, [(spec_of(_HISTORY, "random"), plan.history)])
        patience = str(_DEPOSE_AFTER_SECONDS)
        services = [Service(place.url, folder / f"{n}.log", depose_after_seconds=patience) for n in ("first", "second")]
        pair = Pair([stack.enter_context(service) for service in services])
        forwarder = stack.enter_context(Forwarder(pair.services))
        load = stack.enter_context(Load(forwarder.address, folder, plan.size, place.url, kind))
        yield _rounds(load, "kill -9 with a standby", [pair.kill_active] * plan.takeovers, say)
        if isinstance(place, PostgresServer):
            url = place.url
            yield _rounds(load, "SIGSTOP, cut, SIGCONT", [lambda: pair.depose(url)] * plan.stops, say)
            yield _rounds(load, "SIGSTOP until deposed", [lambda: pair.depose(None)] * plan.silences, say)
        else:
            yield _rounds(load, "SIGSTOP, SIGCONT", [pair.pause_active] * plan.stops, say)


class Pair:
    """Two services on one database."""

    def __init__(self, services: list[Service]) -> None:
        self.services = services

    def _roles(self) -> tuple[Service, Service]:
        first, second = self.services
        deadline = time.monotonic() + _READY_SECONDS
        while time.monotonic() < deadline:
            for active, standby in ((first, second), (second, first)):
                if active.readiness() == "ready" and standby.readiness() == "standby":
                    return active, standby
        raise BenchError(f"there is no writer with a standby: {first.readiness()!r}, {second.readiness()!r}")

    def kill_active(self) -> float:
        """kill −9 of the writer; the seconds until the standby has leased a trial of the large study."""
        active, standby = self._roles()
        begun = time.monotonic()
        active.kill()
        _lease_one(standby)
        seconds = time.monotonic() - begun
        active.start()
        return seconds

    def depose(self, url: str | None) -> float:
        """Stop the writer, end its connection (else the standby has to), and wake it when the standby has taken over.

        Raises BenchError where it does not end then.
        """
        active, standby = self._roles()
        begun = time.monotonic()
        active.stop()
        try:
            if url is not None:
                _end_holder(url)
            _lease_one(standby)
            seconds = time.monotonic() - begun
        finally:
            active.wake()
        code = active.exit_code(15)
        if code != DEPOSED_EXIT_CODE:
            raise BenchError(f"the deposed writer ended with {code}, not {DEPOSED_EXIT_CODE}")
        active.start()
        return seconds

    def pause_active(self) -> None:
        """Stop the writer for a while and wake it. Raises BenchError where the standby took over meanwhile."""
        active, standby = self._roles()
        active.stop()
        try:
            time.sleep(3.0)
            if standby.readiness() != "standby":
                raise BenchError("the standby took a SQLite database over whose writer is only stopped")
        finally:
            active.wake()


def _lease_one(service: Service) -> None:
    """Lease a trial of the large study, as soon as the service can, and give it back."""
    deadline = time.monotonic() + _READY_SECONDS
    path = f"{service.address}/v1/studies/{_HISTORY}/trials"
    body = {"worker": "bench", "request_id": f"takeover-{time.time_ns()}"}
    with httpx2.Client(timeout=_READY_SECONDS, trust_env=False) as http:
        while (answer := http.post(path, json=body)).status_code != 201:
            if time.monotonic() > deadline:
                raise BenchError(f"the standby did not take over within {_READY_SECONDS:.0f} s: {answer.text}")
            time.sleep(0.02)
        leased = answer.json()
        http.post(f"{path}/{leased['number']}/release", json={"lease": leased["lease"], "checkpoint": None})


def _end_holder(url: str) -> None:
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as admin:
        admin.execute(
            "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and granted and database = "
            "(select oid from pg_database where datname = current_database())"
        )
