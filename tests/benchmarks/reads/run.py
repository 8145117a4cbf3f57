"""The reads, one after the other, over a database with a long study, a long curve and many small studies."""

import asyncio
import contextlib
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from sqlalchemy import create_engine, insert, select

from lrtune.service.app import create_app
from lrtune.service.collector import Collector
from lrtune.service.server import SWITCH_SECONDS
from lrtune.service.settings import Settings
from lrtune.service.storage import OptunaStorage
from lrtune.service.storage.schema import codecs, optuna_tables
from tests.benchmarks.filling import STEPS, fill, spec_of
from tests.benchmarks.processes import BenchError
from tests.benchmarks.reads.export import imported, kept_export
from tests.benchmarks.reads.holds import Answer, Holds, call, leased_heartbeat, watching

LARGE, LONG, SMALL = "large", "long", "small"
_PURGE_SECONDS = 600.0
_CHUNK = 10_000


@dataclass(frozen=True)
class Sizes:
    """How much there is to read."""

    trials: int
    steps: int
    studies: int


FULL = Sizes(trials=100_000, steps=300_000, studies=1_000)
QUICK = Sizes(trials=1_500, steps=3_000, studies=20)


@dataclass(frozen=True)
class Measured:
    """A read: how long it took, how large its answer was, and what others waited meanwhile."""

    what: str
    status: int
    seconds: float
    size: int
    holds: Holds


def prepare(url: str, sizes: Sizes) -> None:
    """Fill an empty database."""
    few = [(spec_of(f"study-{number:04d}"), 2) for number in range(sizes.studies)]
    fill(url, [(spec_of(LARGE), sizes.trials), (spec_of(LONG), 1), (spec_of(SMALL), 20), *few])
    engine = create_engine(url)
    finite = codecs.show_intermediate(0.0)[1]
    trials = optuna_tables.trials.c
    try:
        with engine.begin() as connection:
            trial_id = connection.execute(select(trials.trial_id).where(trials.study_id == 2)).scalar_one()
            for start in range(STEPS + 1, sizes.steps + 1, _CHUNK):
                rows = [
                    {
                        "trial_id": trial_id,
                        "step": step,
                        "intermediate_value": 1.0 / step,
                        "intermediate_value_type": finite,
                    }
                    for step in range(start, min(start + _CHUNK, sizes.steps + 1))
                ]
                connection.execute(insert(optuna_tables.intermediate_values).inline(), rows)
    finally:
        engine.dispose()


async def measure(url: str) -> AsyncGenerator[Measured, None]:
    """Read all there is to read, then delete the large study."""
    app = create_app(Settings(storage=url, dashboard=True))
    async with app.router.lifespan_context(app), as_served():
        engine = app.state.container.engine
        heartbeat = await leased_heartbeat(app, SMALL)

        async def one(what: str, run: Callable[[], Awaitable[Answer]], allowed: tuple[int, ...] = (200,)) -> Measured:
            async with watching(engine.lock, heartbeat) as holds:
                begun = time.perf_counter()
                answer = await run()
                seconds = time.perf_counter() - begun
            if answer.status not in allowed:
                raise BenchError(f"{what} was answered {answer.status}: {answer.begin[:300].decode(errors='replace')}")
            return Measured(what, answer.status, seconds, answer.size, holds)

        def get(path: str, query: str = "") -> Callable[[], Awaitable[Answer]]:
            return lambda: call(app, "GET", path, query)

        study = f"/v1/studies/{LARGE}"
        yield await one("nothing, for a second", _idle)
        yield await one("list of studies", get("/v1/studies", "limit=1000"))
        yield await one("dashboard: studies", get("/api/studies"))
        yield await one("first use of the large study", get(study))
        yield await one("status", get(f"{study}/status"))
        yield await one("suggestion", get(f"{study}/suggestion"))
        yield await one("response", get(f"{study}/response"))
        yield await one("page of 1000 trials", get(f"{study}/trials", "limit=1000"))
        yield await one("trials in a state that none is in", get(f"{study}/trials", "state=failed"))
        yield await one("trials.csv", get(f"{study}/trials.csv"))
        yield await one("page of 1000 curves", get(f"{study}/curves", "limit=1000"))
        yield await one("export", get(f"{study}/export"))
        with tempfile.TemporaryFile() as file:
            sha256 = await kept_export(app, study, file)
            yield await one("import of it, in batches", lambda: imported(app, f"{study}-copy", file, sha256))
        yield await one("replays", get(f"{study}/replays", "limit=100"))
        yield await one("first use of the long curve", get(f"/v1/studies/{LONG}"))
        yield await one("whole curve", get(f"/v1/studies/{LONG}/trials/0"))
        yield await one("curve of 1000 points", get(f"/v1/studies/{LONG}/trials/0", "max_points=1000"))
        yield await one("replay of it", get(f"/v1/studies/{LONG}/trials/0/replay"))
        yield await one("dashboard: the large study", get("/api/studies/1"), (200, 413))
        yield await one("dashboard: the long curve", get("/api/studies/2"), (200, 413))
        yield await one("all trials, by Optuna", lambda: _all_trials(OptunaStorage(engine)))
        yield await one("metrics", get("/metrics"))
        yield await one("deletion of the large study", lambda: call(app, "DELETE", study), (204,))
        yield await one("its rows' removal", lambda: _purged(engine.purge.wait))


@contextlib.asynccontextmanager
async def as_served() -> AsyncIterator[None]:
    """Garbage is collected, and threads take turns, as in `lrtune serve`."""
    collector, before = Collector(), sys.getswitchinterval()
    collector.start(asyncio.get_running_loop())
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
        collector.stop()


async def _idle() -> Answer:
    await asyncio.sleep(1.0)
    return Answer(200, 0, b"")


async def _all_trials(storage: OptunaStorage) -> Answer:
    study_id = storage.get_study_id_from_name(LARGE)
    trials = await asyncio.to_thread(storage.get_all_trials, study_id, deepcopy=False)
    return Answer(200, len(trials), b"")


async def _purged(wait: Callable[[float], bool]) -> Answer:
    done = await asyncio.to_thread(wait, _PURGE_SECONDS)
    return Answer(200 if done else 504, 0, b"rows are left")
