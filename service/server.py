"""Running the service's ASGI app in this process, until a signal."""

import asyncio
import contextlib
import errno
import logging
import signal
import socket
import sys
import time
from collections.abc import Iterator

import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from lrtune.service import log_lines
from lrtune.service.app import create_app
from lrtune.service.collector import Collector
from lrtune.service.connections import descriptors
from lrtune.service.connections.refusals import SHUTTING_DOWN
from lrtune.service.connections.registry import Connections, HttpLimits
from lrtune.service.settings import Settings
from lrtune.service.storage.maintenance.upgrade import check_can_open
from lrtune.service.uvicorn_options import uvicorn_options

_log = logging.getLogger(__name__)

SWITCH_SECONDS = 0.0005
"""How long a thread that computes keeps the interpreter while the event loop waits for it. With Python's own 5 ms it
may keep it for as long as it runs: each time it lets go for a moment, in numpy say, that time begins anew."""

_DRAIN_SECONDS = 10
_DEPOSED_DRAIN_SECONDS = 1
_OTHER_DESCRIPTORS = 128
"""Kept for the database, files and Optuna's connections."""
_FEWEST_CONNECTIONS = 16
_DEPOSED_EXIT_CODE = 75  # EX_TEMPFAIL of sysexits.h: start it again.


class CannotServe(Exception):
    """Why the service does not start, or does not go on; `exit_code` is the process's."""

    def __init__(self, reason: str, exit_code: int = 1) -> None:
        super().__init__(reason)
        self.exit_code = exit_code


def run(settings: Settings) -> None:
    """Serve until SIGTERM or Ctrl-C; finish requests under way and what is being committed, then return.

    Raises StorageError where the storage cannot be opened; CannotServe where the port is taken, and with exit code 75
    where another process has become the writer in place of this one.
    """
    if settings.log_level not in log_lines.LEVELS:
        raise CannotServe(f"log level {settings.log_level!r}: use one of {', '.join(log_lines.LEVELS)}", 2)
    check_can_open(settings.storage)
    app = create_app(settings, on_deposed=lambda reason: server.end_deposed(reason))
    bound = _bind(settings.host, settings.port)
    if settings.optuna_port:
        _bind(settings.host, settings.optuna_port, option="--optuna-port").close()
    log_lines.configure(settings.log_level)
    server = _Server(app, _connections(settings, app))
    host, port = bound.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    server.address = f"http://{shown}:{port}"
    sys.setswitchinterval(SWITCH_SECONDS)
    with contextlib.closing(bound):
        server.run(sockets=[bound])
    if server.deposed:
        raise CannotServe(f"deposed: {server.deposed}", _DEPOSED_EXIT_CODE)


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

    def __init__(self, app: FastAPI, connections: Connections) -> None:
        options = uvicorn_options(connections)
        super().__init__(
            uvicorn.Config(_UntilCancelled(app), timeout_graceful_shutdown=_DRAIN_SECONDS, **options),
        )
        self._state = app.state
        self._connections = connections
        self._collector = Collector(app.state.metrics.collected)

    def end_deposed(self, reason: str) -> None:
        """End soon, without waiting long for requests: nothing can be committed here any more. From any thread."""
        self.deposed = reason
        self.config.timeout_graceful_shutdown = _DEPOSED_DRAIN_SECONDS
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if not self.started:
            return
        loop = asyncio.get_running_loop()
        self._collector.start(loop)
        self._connections.start(loop)
        optuna_address = getattr(self._state, "optuna_address", None)
        _log.info("started", extra={"address": self.address, "optuna": optuna_address, "version": self._state.version})
        print(f"lrtune serving on {self.address}", flush=True)
        if optuna_address is not None:
            print(f"lrtune serving Optuna's gRPC protocol on {optuna_address}", flush=True)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        begun = time.monotonic()
        _log.info("shutting down", extra={"why": self._why, "connections": len(self._connections)})
        self._connections.ending = True
        self._state.container.watchers.close()
        await super().shutdown(sockets)
        self._connections.stop()
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


def _bind(host: str, port: int, *, option: str = "--port") -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        if error.errno == errno.EADDRINUSE:
            raise CannotServe(
                f"port {port} on {host} is in use: stop what listens there, or take another with {option}"
            ) from error
        raise CannotServe(
            f"cannot listen on {host}:{port}: {error.strerror or error}; check --host and {option}"
        ) from error
    bound.set_inheritable(False)
    return bound
