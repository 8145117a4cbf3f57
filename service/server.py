"""Running the service's ASGI app in this process, until a signal."""

import asyncio
import contextlib
import logging
import signal
import socket
import ssl
import sys
import time
from collections.abc import Callable, Iterator

import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from lrtune.service import log_lines
from lrtune.service.app import create_app
from lrtune.service.collector import Collector
from lrtune.service.connections import descriptors
from lrtune.service.connections.certificates import Certificates
from lrtune.service.connections.pairs import CertificateUnusable
from lrtune.service.connections.refusals import SHUTTING_DOWN
from lrtune.service.connections.registry import Connections, HttpLimits
from lrtune.service.listening import CannotServe, advertised, always_asks, check_sharing, checked, listen, warnings
from lrtune.service.settings import Settings
from lrtune.service.storage.maintenance.upgrade import check_can_open
from lrtune.service.tracing import close_tracing, open_tracing
from lrtune.service.uvicorn_options import uvicorn_options
from lrtune.service.versions import service_version

_log = logging.getLogger(__name__)

SWITCH_SECONDS = 0.0005
"""How long a thread that computes keeps the interpreter while the event loop waits for it. With Python's own 5 ms it
may keep it for as long as it runs: each time it lets go for a moment, in numpy say, that time begins anew."""

_DRAIN_SECONDS = 10
_DEPOSED_DRAIN_SECONDS = 1
_TLS_END_SECONDS = 2
"""How long one who is told that a connection ends may take to say so, too."""
_OTHER_DESCRIPTORS = 128
"""Kept for the database, files and Optuna's connections."""
_FEWEST_CONNECTIONS = 16
_DEPOSED_EXIT_CODE = 75  # EX_TEMPFAIL of sysexits.h: start it again.


def run(
    settings: Settings,
    *,
    shared: socket.socket | None = None,
    own: socket.socket | None = None,
    on_started: Callable[[], object] | None = None,
) -> None:
    """Serve until SIGTERM or Ctrl-C; finish requests under way and what is being committed, then return.

    Of several processes on one port, each is given the `shared` socket that all accept from, and its `own`, where the
    others reach it; instead of saying where it serves it calls `on_started`.

    Raises StorageError where the storage cannot be opened; CannotServe where the port is taken, and with exit code 75
    where another process has become the writer in place of this one.
    """
    if settings.log_level not in log_lines.LEVELS:
        raise CannotServe(f"log level {settings.log_level!r}: use one of {', '.join(log_lines.LEVELS)}", 2)
    check_sharing(settings)
    check_can_open(settings.storage)
    asked, settings = settings, checked(settings)
    certificates = _certificates(settings)
    with contextlib.ExitStack() as ends:
        bound = ends.enter_context(contextlib.closing(own or listen(settings.host, settings.port)))
        traces = None
        if settings.otlp_endpoint:
            traces = open_tracing(settings.otlp_endpoint, service_version())
            ends.callback(close_tracing, traces)
        settings = advertised(settings, bound)
        app = create_app(
            settings,
            on_deposed=lambda reason: server.end_deposed(reason),
            certificates=certificates,
            always_asks=always_asks(settings),
            traces=traces,
        )
        if settings.optuna_port:
            listen(settings.host, settings.optuna_port, option="--optuna-port").close()
        log_lines.configure(settings.log_level, settings.log_format, access=settings.access_log)
        server = _Server(app, _connections(settings, app), certificates)
        server.on_started = on_started
        server.warnings += warnings(asked, settings.insecure)
        server.address = shown_address(bound, "https" if certificates else "http")
        sys.setswitchinterval(SWITCH_SECONDS)
        server.run(sockets=[bound] if shared is None else [shared, bound])
    if server.deposed:
        raise CannotServe(f"deposed: {server.deposed}", _DEPOSED_EXIT_CODE)


def shown_address(bound: socket.socket, scheme: str) -> str:
    """Where it is listened, as a URL."""
    host, port = bound.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown}:{port}"


def _certificates(settings: Settings) -> Certificates | None:
    if settings.certificate is None:
        if settings.key is not None:
            raise CannotServe(
                "--key (LRTUNE_KEY) is of no use without --certificate (LRTUNE_CERTIFICATE): give both", 2
            )
        return None
    try:
        return Certificates(settings.certificate, settings.key)
    except CertificateUnusable as error:
        raise CannotServe(str(error), 2) from error


def _connections(settings: Settings, app: FastAPI) -> Connections:
    """What is granted to HTTP clients: no more connections than there are descriptors for."""
    limit = descriptors.raise_limit()
    granted = settings.max_connections
    if limit is not None and granted > limit - _OTHER_DESCRIPTORS:
        granted = max(_FEWEST_CONNECTIONS, limit - _OTHER_DESCRIPTORS)
        _log.warning(
            "fewer connections are taken than LRTUNE_MAX_CONNECTIONS says, the process may not open as many files: "
            "raise its hard limit (ulimit -Hn)",
            extra={"connections": granted, "descriptors": limit},
        )
    limits = HttpLimits(
        connections=granted,
        head_bytes=settings.max_head_bytes,
        bodies_bytes=settings.max_bodies_bytes,
        head_seconds=settings.head_timeout_seconds,
        body_seconds=settings.body_timeout_seconds,
        idle_seconds=settings.idle_timeout_seconds,
    )
    connections = Connections(limits, on_closed=app.state.metrics.connection_closed)
    app.state.metrics.connections.set_function(connections.__len__)
    return connections


class _UntilCancelled:
    """ASGI middleware: a request that is still under way when the drain is over is answered with 503, not with a
    traceback."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        try:
            await self._app(scope, receive, send)
        except asyncio.CancelledError:
            if scope["type"] != "http":
                raise
            with contextlib.suppress(RuntimeError):  # It has begun to answer.
                await SHUTTING_DOWN.send(send)


class _Server(uvicorn.Server):
    """uvicorn's server; says when it serves, and ends with exit code 0 when it is asked to end."""

    address = ""
    deposed = ""
    on_started: Callable[[], object] | None = None

    def __init__(self, app: FastAPI, connections: Connections, certificates: Certificates | None) -> None:
        options = uvicorn_options(connections)
        super().__init__(
            uvicorn.Config(_UntilCancelled(app), timeout_graceful_shutdown=_DRAIN_SECONDS, **options),
        )
        self._state = app.state
        self._certificates = certificates
        self._renewal: asyncio.Task[None] | None = None
        self.warnings = [] if certificates is None else certificates.concerns()
        self._connections = connections
        self._collector = Collector(app.state.metrics.collected)

    def end_deposed(self, reason: str) -> None:
        """End soon, without waiting long for requests: nothing can be committed here any more. From any thread."""
        self.deposed = reason
        self.config.timeout_graceful_shutdown = _DEPOSED_DRAIN_SECONDS
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        loop = asyncio.get_running_loop()
        await super().startup(sockets if self._certificates is None else [])
        if not self.started:
            return
        if self._certificates is not None:
            self.servers += [await self._listen(loop, one, self._certificates.context) for one in sockets or []]
            self._renewal = loop.create_task(self._certificates.keep_looking(), name="lrtune-certificates")
        self._collector.start(loop)
        self._connections.start(loop)
        optuna_address = getattr(self._state, "optuna_address", None)
        _log.info("started", extra={"address": self.address, "optuna": optuna_address, "version": self._state.version})
        if self.on_started is not None:
            self.on_started()
        else:
            print(f"lrtune serving on {self.address}", flush=True)
        if optuna_address is not None:
            print(f"lrtune serving Optuna's gRPC protocol on {optuna_address}", flush=True)
        for warning in self.warnings:
            _log.warning(warning)
            print(f"lrtune: {warning}", flush=True)

    async def _listen(
        self, loop: asyncio.AbstractEventLoop, one: socket.socket, context: ssl.SSLContext
    ) -> asyncio.Server:
        """uvicorn does not say how long a handshake may take, and that is a minute then."""
        return await loop.create_server(
            lambda: self.config.http_protocol_class(  # type: ignore[call-arg]
                config=self.config, server_state=self.server_state, app_state=self.lifespan.state, _loop=loop
            ),
            sock=one,
            ssl=context,
            ssl_handshake_timeout=self._connections.limits.head_seconds,
            ssl_shutdown_timeout=_TLS_END_SECONDS,
            backlog=self.config.backlog,
        )

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        begun = time.monotonic()
        _log.info("shutting down", extra={"why": self._why, "connections": len(self._connections)})
        self._connections.ending = True
        keeper = self._state.container.engine.keeper
        if keeper is not None:
            keeper.leave()
        self._state.container.watchers.close()
        self._state.container.trials.hurry()
        self._state.container.gate.close()
        await super().shutdown(sockets)
        self._connections.stop()
        if self._renewal is not None:
            self._renewal.cancel()
        self._collector.stop()
        _log.info("ended", extra={"seconds": round(time.monotonic() - begun, 2)})

    @property
    def _why(self) -> str:
        signals = [signal.Signals(number).name for number in self._captured_signals]
        return self.deposed or ", ".join(signals) or "asked to"

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield
