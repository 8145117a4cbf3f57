"""The faults that `bench faults` brings about, each under load and followed by a check."""

import contextlib
import math
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks.faults.databases import (
    PostgresServer,
    SqliteFile,
    TestedDatabase,
    cannot_mount,
    database,
    full_disk,
)
from tests.benchmarks.faults.forwarder import Forwarder
from tests.benchmarks.faults.pair import HISTORY, Pair
from tests.benchmarks.faults.rounds import Load, Outcome, Round, Size, Strike, Struck, play_all
from tests.benchmarks.faults.services import Service
from tests.benchmarks.filling import fill, spec_of
from tests.benchmarks.processes import BenchError

_DEPOSE_AFTER_SECONDS = 6
_DISK_MEGABYTES = {"sqlite": 32, "postgresql": 256}
_NOTICED_SECONDS = 20.0

Say = Callable[[str], None]


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
    one_place: bool = False
    """Whether the faults of one service are all tried on the small disk, where one can be had: one service less."""
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
    one_place=True,
    size=Size(workers=2, trials=12, steps=4),
)


def run(kind: str, plan: Plan, say: Say) -> Iterator[Outcome]:
    """Break things on that kind of database and yield what came of each. Raises BenchError."""
    say(f"{kind}: starting {plan.size.workers} workers")
    why_not = cannot_mount() if plan.full_disks else ""
    if why_not:
        say(f"{kind}: no full disk: {why_not}")
    with tempfile.TemporaryDirectory(prefix="lrtune-faults-") as folder, Load(Path(folder), plan.size) as load:
        if plan.one_place and why_not is None:
            with _one_service(kind, load, say, disk_megabytes=_DISK_MEGABYTES[kind]) as (target, tested, disk):
                yield from _break_service(target, tested, plan)
                yield _fill_disk(target, tested, disk, plan)
        else:
            with _one_service(kind, load, say) as (target, tested, _):
                yield from _break_service(target, tested, plan)
            if why_not is None:
                with _one_service(kind, load, say, disk_megabytes=_DISK_MEGABYTES[kind]) as (target, tested, disk):
                    yield _fill_disk(target, tested, disk, plan)
        yield from _two_services(kind, load, plan, say)


@dataclass(frozen=True)
class Target:
    """Where faults strike: the load, the service that it goes to, and the database of that."""

    load: Load
    service: Service | Forwarder
    kind: str
    url: str
    say: Say

    def rounds(
        self,
        fault: str,
        strikes: Sequence[Strike],
        *,
        trials: int | None = None,
        ready: Callable[[], object] | None = None,
    ) -> Outcome:
        """Each strike in the middle of a round of its own; `ready` waits until all is as it has to be before it."""
        usual = trials or self.load.size.trials

        def play(strike: Strike, times: int) -> Round:
            if ready is not None:
                ready()
            again = "" if times == 1 else f", again, as it struck no load: with {times} times as much"
            self.say(f"{self.kind}: {fault}, {outcome.times + 1} of {len(strikes)}{again}")
            return self.load.round(self.service.address, self.url, strike, usual * times)

        outcome = Outcome(self.kind, fault)
        return play_all(outcome, strikes, play)


# One service


@contextlib.contextmanager
def _one_service(
    kind: str, load: Load, say: Say, disk_megabytes: int | None = None
) -> Iterator[tuple[Target, TestedDatabase, Path]]:
    say(f"{kind}: starting a service{' on a small disk' if disk_megabytes else ''}")
    with (
        database(kind, disk_megabytes=disk_megabytes) as (tested, disk),
        tempfile.TemporaryDirectory(prefix="lrtune-faults-") as folder,
        Service(tested.url, Path(folder) / "service.log") as service,
    ):
        yield Target(load, service, kind, tested.url, say), tested, disk


def _break_service(target: Target, tested: TestedDatabase, plan: Plan) -> Iterator[Outcome]:
    service = target.service
    assert isinstance(service, Service)

    def kill() -> Struck:
        service.kill()
        struck = Struck(time.time())
        service.start()
        return struck

    yield target.rounds("kill -9 of the service", [kill] * plan.kills)
    if isinstance(tested, PostgresServer):
        yield from _break_postgres(target, tested, plan)
    else:
        yield target.rounds("neighbour holds the lock", [_hold(tested, seconds) for seconds in plan.neighbours])


def _hold(tested: SqliteFile, seconds: float) -> Strike:
    return lambda: Struck(tested.hold_write_lock(seconds))


def _break_postgres(target: Target, server: PostgresServer, plan: Plan) -> Iterator[Outcome]:
    def stop() -> Struck:
        server.stop_at_once()
        struck = Struck(time.time())
        server.start()
        return struck

    def cut() -> Struck:
        struck = Struck(math.inf)
        for _ in range(10):
            if server.cut_connections() and struck.at == math.inf:
                struck = Struck(time.time())
            time.sleep(0.15)
        return struck

    yield target.rounds("stop -m immediate", [stop] * plan.database_stops)
    yield target.rounds("connections cut", [cut] * plan.cuts)


def _fill_disk(target: Target, tested: TestedDatabase, disk: Path, plan: Plan) -> Outcome:
    service = target.service
    assert isinstance(service, Service)

    def fill_up() -> Struck:
        try:
            with full_disk(disk):
                try:
                    service.wait_until_not_ready(_NOTICED_SECONDS)
                except BenchError:  # As where the load ended before it had filled what was left within the files.
                    return Struck(math.inf)
                struck = Struck(time.time())
                time.sleep(2.0)
                return struck
        finally:
            tested.ensure_runs()

    return target.rounds("disk full", [fill_up] * plan.full_disks, trials=plan.trials_on_full_disk)


# A standby


def _two_services(kind: str, load: Load, plan: Plan, say: Say) -> Iterator[Outcome]:
    say(f"{kind}: filling a study with {plan.history:,} trials, starting a service and its standby")
    with contextlib.ExitStack() as stack:
        tested, _ = stack.enter_context(database(kind))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lrtune-faults-")))
        fill(tested.url, [(spec_of(HISTORY, "random"), plan.history)])
        patience = str(_DEPOSE_AFTER_SECONDS)
        services = [
            Service(tested.url, folder / f"{n}.log", depose_after_seconds=patience) for n in ("first", "second")
        ]
        pair = Pair([stack.enter_context(service) for service in services])
        forwarder = stack.enter_context(Forwarder(pair.services))
        target = Target(load, forwarder, kind, tested.url, say)
        yield target.rounds("kill -9 with a standby", [pair.kill_active] * plan.takeovers, ready=pair.roles)
        if isinstance(tested, PostgresServer):
            url = tested.url
            cut, silent = ([lambda: pair.depose(url)] * plan.stops, [lambda: pair.depose(None)] * plan.silences)
            yield target.rounds("SIGSTOP, cut, SIGCONT", cut, ready=pair.roles)
            yield target.rounds("SIGSTOP until deposed", silent, ready=pair.roles)
        else:
            yield target.rounds("SIGSTOP, SIGCONT", [pair.pause_active] * plan.stops, ready=pair.roles)
