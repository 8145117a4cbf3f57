"""The only wiring: settings in, an ASGI application out."""

import asyncio
import contextlib
import logging
import os
import warnings
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import optuna
from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from lrtune.service.access.audit.retention import Retention
from lrtune.service.access.files.scraping import ScrapingSecret
from lrtune.service.access.files.tokens import keep_ensuring, wanted_tokens
from lrtune.service.access.limits import Limiter
from lrtune.service.api import (
    curves,
    events,
    health,
    moving,
    range_tests,
    replays,
    response,
    scaling,
    schedules,
    status,
    studies,
    study_health,
    suggestions,
    trials,
)
from lrtune.service.api.access import audit, tokens
from lrtune.service.api.container import Container
from lrtune.service.api.http import openapi, problems
from lrtune.service.api.http.bodies import BodyReader
from lrtune.service.api.metrics import Metrics, RequestMetrics
from lrtune.service.api.middleware.access import AccessCheck, is_admitted
from lrtune.service.api.middleware.fast_lane import FastLane
from lrtune.service.api.middleware.heads import HeadOfPages
from lrtune.service.api.middleware.hosts import AllowedHosts, HostCheck, is_loopback
from lrtune.service.api.middleware.limiting import Limiting
from lrtune.service.api.middleware.limits import BodyLimit
from lrtune.service.api.middleware.outermost import go_before_all
from lrtune.service.api.middleware.proxies import WithPrefix
from lrtune.service.api.middleware.versions import VersionCheck
from lrtune.service.api.optuna import dashboard
from lrtune.service.api.optuna.budgets import BudgetedStorage
from lrtune.service.api.optuna.proxy import optuna_served
from lrtune.service.api.sharing.hop import Hop
from lrtune.service.api.sharing.sharing import Sharing
from lrtune.service.connections.certificates import Certificates
from lrtune.service.environment import unknown_variables
from lrtune.service.limit_settings import service_limits
from lrtune.service.settings import Settings
from lrtune.service.storage import OptunaStorage
from lrtune.service.storage.database.database import Database
from lrtune.service.storage.engine.engine import Engine
from lrtune.service.storage.errors import StorageError
from lrtune.service.storage.memory.actor import Actor
from lrtune.service.tuning.trials.drawers import Drawers
from lrtune.service.tuning.trials.sweeper import Sweeper
from lrtune.service.versions import service_version
from lrtune.service.web import assets
from lrtune.service.web.errors import error_page, is_page
from lrtune.service.web.pages import read_templates
from lrtune.service.web.refused import refused_page
from lrtune.service.web.routers import ROUTERS
from lrtune.service.wire import protocol

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

_log = logging.getLogger(__name__)

_TOKEN_FILES_SECONDS = 2.0
"""Whoever has the secret in a file may come as soon as the service listens, unless it stands by or waits."""


def create_app(
    settings: Settings,
    *,
    on_deposed: Callable[[str], None] | None = None,
    certificates: Certificates | None = None,
    always_asks: bool = False,
    owner: Actor | None = None,
    traces: "TracerProvider | None" = None,
) -> FastAPI:
    """The service for `settings`. Its storage is opened when it starts, and closed when it ends.

    `on_deposed` is told, from another thread, when another process has become the writer in place of this one. With
    `certificates`, Optuna's port is served by TLS. A service that `always_asks` wants a token though there is none; one
    inside the process of its `owner`, which no other reaches, never does. Spans of requests go to `traces`.
    Raises StorageUrlInvalid where the storage URL cannot be right, TokenFileInvalid where a file with a token is not.
    """
    wanted = wanted_tokens(settings.admin_token_file, settings.worker_token_file)
    database = Database(
        settings.storage, depose_after_seconds=settings.depose_after_seconds, shared=settings.advertise is not None
    )
    engine = Engine(database, on_deposed=on_deposed, address=settings.advertise or "")
    hop = Hop()
    metrics = Metrics(settings.backups)
    bodies = BodyReader()
    gate = Limiter(service_limits(settings, settings.max_connections), on_wrong=metrics.token_refused)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        for told in unknown_variables(os.environ):
            _log.warning(told)
        engine.start()
        with Drawers(settings.drawers, settings.sampler_timeout_seconds) as drawers:
            parts = app.state.container = Container.over(engine, drawers, metrics, gate)
            rounds = Sweeper(engine, parts.trials, on_expired=metrics.leases_expired.inc, on_late=metrics.loop.late)
            sweeper = asyncio.create_task(rounds.run(), name="lrtune-sweeper")
            reading = asyncio.create_task(asyncio.to_thread(read_templates), name="lrtune-templates")
            retention = asyncio.create_task(Retention(engine, settings.audit_days).run(), name="lrtune-audit")
            parts.access.registry.always_asks = always_asks
            keeper: asyncio.Task[None] | None = None
            ensuring: asyncio.Task[None] | None = None
            try:
                with contextlib.suppress(StorageError):
                    await asyncio.to_thread(engine.wait_started)
                await parts.access.keeper.try_to_look()
                if wanted:
                    ensuring = asyncio.create_task(
                        keep_ensuring(engine, parts.access, wanted), name="lrtune-token-files"
                    )
                    await asyncio.wait([ensuring], timeout=_TOKEN_FILES_SECONDS)
                keeper = asyncio.create_task(parts.access.keeper.run(), name="lrtune-tokens")
                proxy = optuna_served(
                    BudgetedStorage(engine),
                    settings.host,
                    settings.optuna_port,
                    max_bytes=settings.max_body_bytes,
                    certificates=certificates,
                    registry=parts.access.registry,
                    gate=gate,
                )
                async with hop.open(), proxy as address:
                    app.state.optuna_address = address
                    yield
            finally:
                parts.watchers.close()
                gate.close()
                await _ended(sweeper, ensuring, keeper, retention, reading)
                parts.access.close()
                engine.committer.detach()
                await asyncio.to_thread(engine.close)
                bodies.close()

    app = FastAPIOffline(
        redoc_url=None,
        title="lrtune",
        version=service_version(),
        summary="Finds learning rates: hands out trials, judges them, suggests a rate with an interval and a reason.",
        lifespan=lifespan,
        responses=problems.DOCUMENTED,
        openapi_tags=openapi.TAGS,
        generate_unique_id_function=openapi.operation_id,
    )
    app.state.metrics, app.state.version, app.state.bodies = metrics, app.version, bodies
    app.state.insecure = settings.insecure
    for noun in (
        studies,
        status,
        events,
        study_health,
        suggestions,
        range_tests,
        response,
        scaling,
        schedules,
        trials,
        replays,
        curves,
        moving,
        tokens,
        audit,
        health,
    ):
        app.include_router(noun.router)
    for router in ROUTERS:
        app.include_router(router)
    assets.mount(app)
    if settings.dashboard:
        dashboard.mount(app, OptunaStorage(engine), writes=settings.dashboard_writes or is_loopback(settings.host))
    problems.install(app, error_page)
    openapi.complete(app)
    scraping = _scraping_secret(settings)
    if settings.root_path:
        app.add_middleware(WithPrefix, prefix=settings.root_path)
    app.add_middleware(BodyLimit, max_bytes=settings.max_body_bytes)
    app.add_middleware(RequestMetrics, metrics=metrics)
    app.add_middleware(
        FastLane,
        parts=lambda: app.state.container,
        bodies=bodies,
        metrics=metrics,
        max_bytes=settings.max_body_bytes,
    )
    app.add_middleware(Limiting, gate=gate, metrics=metrics)
    app.add_middleware(
        AccessCheck,
        access=lambda: app.state.container.access,
        scraping=scraping,
        gate=gate,
        metrics=metrics,
        refused_page=refused_page,
        owner=owner,
    )
    app.add_middleware(
        VersionCheck, metrics=metrics, oldest=protocol.OLDEST, newest=protocol.VERSION, release=app.version
    )
    if settings.advertise is not None:
        app.add_middleware(
            Sharing,
            engine=engine,
            hop=hop,
            metrics=metrics,
            max_bytes=settings.max_body_bytes,
            is_let_in=lambda scope: is_admitted(scope, app.state.container.access, scraping),
        )
    app.add_middleware(HostCheck, allowed=AllowedHosts(settings.host, _allowed_hosts(settings)), metrics=metrics)
    app.add_middleware(HeadOfPages, is_page=is_page)
    go_before_all(app, settings, traces)
    return app


def _allowed_hosts(settings: Settings) -> tuple[str, ...]:
    """The names that were given, and the one under which other processes and clients are told to come."""
    if settings.advertise is None:
        return settings.allowed_hosts
    return (*settings.allowed_hosts, urlsplit(settings.advertise).netloc)


def _scraping_secret(settings: Settings) -> ScrapingSecret:
    """By which Prometheus comes in."""
    given = settings.metrics_token
    return ScrapingSecret(None if given is None else given.get_secret_value(), settings.metrics_token_file)


async def _ended(*tasks: asyncio.Task[None] | None) -> None:
    """Cancel tasks, and wait for their end. What one died of is told, and keeps nothing from being closed."""
    for task in tasks:
        if task is None:
            continue
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            pass
        except Exception:
            _log.exception("%s had failed", task.get_name())
