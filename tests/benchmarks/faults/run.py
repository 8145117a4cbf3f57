"""The faults that `bench faults` brings about, each under load and followed by a check."""

import contextlib
import math
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks.faults.databases import Place, PostgresServer, SqliteFile, cannot_mount, database, full_disk
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
            with _one_service(kind, load, say, disk_megabytes=_DISK_MEGABYTES[kind]) as (scene, place, disk):
                yield from _break_service(scene, place, plan)
                yield _fill_disk(scene, place, disk, plan)
        else:
            with _one_service(kind, load, say) as (scene, place, _):
                yield from _break_service(scene, place, plan)
            if why_not is None:
                with _one_service(kind, load, say, disk_megabytes=_DISK_MEGABYTES[kind]) as (scene, place, disk):
                    yield _fill_disk(scene, place, disk, plan)
        yield from _two_services(kind, load, plan, say)


@dataclass(frozen=True)
class Scene:
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
) -> Iterator[tuple[Scene, Place, Path]]:
    say(f"{kind}: starting a service{' on a small disk' if disk_megabytes else ''}")
    with (
        database(kind, disk_megabytes=disk_megabytes) as (place, disk),
        tempfile.TemporaryDirectory(prefix="lrtune-faults-") as folder,
        Service(place.url, Path(folder) / "service.log") as service,
    ):
        yield Scene(load, service, kind, place.url, say), place, disk


def _break_service(scene: Scene, place: Place, plan: Plan) -> Iterator[Outcome]:
    service = scene.service
    assert isinstance(service, Service)

    def kill() -> Struck:
        service.kill()
        struck = Struck(time.time())
        service.start()
        return struck

    yield scene.rounds("kill -9 of the service", [kill] * plan.kills)
    if isinstance(place, PostgresServer):
        yield from _break_postgres(scene, place, plan)
    else:
        yield scene.rounds("neighbour holds the lock", [_hold(place, seconds) for seconds in plan.neighbours])


def _hold(place: SqliteFile, seconds: float) -> Strike:
    return lambda: Struck(place.hold_write_lock(seconds))


def _break_postgres(scene: Scene, server: PostgresServer, plan: Plan) -> Iterator[Outcome]:
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

    yield scene.rounds("stop -m immediate", [stop] * plan.database_stops)
    yield scene.rounds("connections cut", [cut] * plan.cuts)


def _fill_disk(scene: Scene, place: Place, disk: Path, plan: Plan) -> Outcome:
    service = scene.service
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
            place.ensure_runs()

    return scene.rounds("disk full", [fill_up] * plan.full_disks, trials=plan.trials_on_full_disk)


# A standby


def _two_services(kind: str, load: Load, plan: Plan, say: Say) -> Iterator[Outcome]:
    say(f"{kind}: filling a study with {plan.history:,} trials, starting a service and its standby")
    with contextlib.ExitStack() as stack:
        place, _ = stack.enter_context(database(kind))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lrtune-faults-")))
        fill(place.url, [(spec_of(HISTORY, "random"), plan.history)])
        patience = str(_DEPOSE_AFTER_SECONDS)
        services = [Service(place.url, folder / f"{n}.log", depose_after_seconds=patience) for n in ("first", "second")]
        pair = Pair([stack.enter_context(service) for service in services])
        forwarder = stack.enter_context(Forwarder(pair.services))
        scene = Scene(load, forwarder, kind, place.url, say)
        yield scene.rounds("kill -9 with a standby", [pair.kill_active] * plan.takeovers, ready=pair.roles)
        if isinstance(place, PostgresServer):
            url = place.url
            cut, silent = ([lambda: pair.depose(url)] * plan.stops, [lambda: pair.depose(None)] * plan.silences)
            yield scene.rounds("SIGSTOP, cut, SIGCONT", cut, ready=pair.roles)
            yield scene.rounds("SIGSTOP until deposed", silent, ready=pair.roles)
        else:
            yield scene.rounds("SIGSTOP, SIGCONT", [pair.pause_active] * plan.stops, ready=pair.roles)
