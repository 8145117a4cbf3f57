"""The only wiring: settings in, an ASGI application out."""

import asyncio
import contextlib
import logging
import os
import warnings
from collections.abc import AsyncIterator, Callable
from importlib.metadata import PackageNotFoundError, version

import optuna
from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from lrtune.service.api import (
    health,
    range_tests,
    replays,
    response,
    scaling,
    schedules,
    status,
    studies,
    suggestions,
    trials,
)
from lrtune.service.api.container import Container
from lrtune.service.api.http import problems
from lrtune.service.api.http.bodies import BodyReader
from lrtune.service.api.metrics import Metrics, RequestMetrics
from lrtune.service.api.middleware.fast_lane import FastLane
from lrtune.service.api.middleware.hosts import AllowedHosts, HostCheck, is_loopback
from lrtune.service.api.middleware.limits import BodyLimit
from lrtune.service.api.optuna import dashboard
from lrtune.service.api.optuna.proxy import optuna_served
from lrtune.service.environment import unknown_variables
from lrtune.service.settings import Settings
from lrtune.service.storage import OptunaStorage
from lrtune.service.storage.database.database import Database
from lrtune.service.storage.engine.engine import Engine
from lrtune.service.storage.errors import StorageError
from lrtune.service.tuning.trials.drawers import Drawers
from lrtune.service.tuning.trials.sweeper import Sweeper
from lrtune.service.wire.trials import Problem

_log = logging.getLogger(__name__)


def create_app(settings: Settings, *, on_deposed: Callable[[str], None] | None = None) -> FastAPI:
    """The service for `settings`. Its storage is opened when it starts, and closed when it ends.

    `on_deposed` is told, from another thread, when another process has become the writer in place of this one.
    Raises StorageUrlInvalid where the storage URL cannot be right.
    """
    database = Database(settings.storage, depose_after_seconds=settings.depose_after_seconds)
    engine = Engine(database, on_deposed=on_deposed)
    metrics = Metrics()
    bodies = BodyReader()

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        for told in unknown_variables(os.environ):
            _log.warning(told)
        engine.start()
        with Drawers(settings.drawers, settings.sampler_timeout_seconds) as drawers:
            parts = app.state.container = Container.over(engine, drawers, metrics)
            rounds = Sweeper(engine, parts.trials, on_expired=metrics.leases_expired.inc)
            sweeper = asyncio.create_task(rounds.run(), name="lrtune-sweeper")
            try:
                with contextlib.suppress(StorageError):
                    await asyncio.to_thread(engine.wait_started)
                proxy = optuna_served(
                    OptunaStorage(engine), settings.host, settings.optuna_port, max_bytes=settings.max_body_bytes
                )
                async with proxy as address:
                    app.state.optuna_address = address
                    yield
            finally:
                parts.watchers.close()
                sweeper.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await sweeper
                engine.committer.detach()
                await asyncio.to_thread(engine.close)
                bodies.close()

    app = FastAPIOffline(
        redoc_url=None,
        title="lrtune",
        version=_version(),
        summary="Finds learning rates: hands out trials, judges them, suggests a rate with an interval and a reason.",
        lifespan=lifespan,
        responses=problems.DOCUMENTED,
    )
    app.state.metrics, app.state.version, app.state.bodies = metrics, app.version, bodies
    for noun in (studies, status, suggestions, range_tests, response, scaling, schedules, trials, replays, health):
        app.include_router(noun.router)
    if settings.dashboard:
        dashboard.mount(app, OptunaStorage(engine), writes=settings.dashboard_writes or is_loopback(settings.host))
    problems.install(app)
    _document_problems(app)
    app.add_middleware(BodyLimit, max_bytes=settings.max_body_bytes)
    app.add_middleware(RequestMetrics, metrics=metrics)
    app.add_middleware(
        FastLane,
        parts=lambda: app.state.container,
        bodies=bodies,
        metrics=metrics,
        max_bytes=settings.max_body_bytes,
    )
    app.add_middleware(HostCheck, allowed=AllowedHosts(settings.host, settings.allowed_hosts), metrics=metrics)
    return app


def _document_problems(app: FastAPI) -> None:
    """Put the problem schema, which no endpoint returns by itself, into the OpenAPI page."""
    plain = app.openapi

    def with_problem() -> dict[str, object]:
        page = plain()
        page["components"]["schemas"].setdefault("Problem", Problem.model_json_schema())
        return page

    app.openapi = with_problem  # type: ignore[method-assign]


def _version() -> str:
    try:
        return version("lrtune")
    except PackageNotFoundError:
        return "0"
