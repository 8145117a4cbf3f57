"""Running the service's ASGI app in this process, until a signal."""

import asyncio
import contextlib
import errno
import logging
import signal
import socket
import sys
from collections.abc import Iterator

import structlog
import uvicorn
from starlette.datastructures import State

from lrtune.service.app import create_app
from lrtune.service.settings import Settings
from lrtune.service.storage.maintenance.upgrade import check_can_open
from lrtune.service.uvicorn_options import UVICORN_OPTIONS

_LEVELS = ("debug", "info", "warning", "error")
_DRAIN_SECONDS = 10
_DEPOSED_DRAIN_SECONDS = 1
_SWITCH_SECONDS = 0.0005
"""How long a thread that draws keeps the interpreter while the event loop waits for it; Python's own is 5 ms."""
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
    if settings.log_level not in _LEVELS:
        raise CannotServe(f"log level {settings.log_level!r}: use one of {', '.join(_LEVELS)}", 2)
    check_can_open(settings.storage)
    app = create_app(settings, on_deposed=lambda reason: server.end_deposed(reason))
    bound = _bind(settings.host, settings.port)
    if settings.optuna_port:
        _bind(settings.host, settings.optuna_port, option="--optuna-port").close()
    _configure_logging(settings.log_level)
    config = uvicorn.Config(app, timeout_graceful_shutdown=_DRAIN_SECONDS, **UVICORN_OPTIONS)
    server = _Server(config)
    host, port = bound.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    server.address = f"http://{shown}:{port}"
    server.state = app.state
    sys.setswitchinterval(_SWITCH_SECONDS)
    with contextlib.closing(bound):
        server.run(sockets=[bound])
    if server.deposed:
        raise CannotServe(f"deposed: {server.deposed}", _DEPOSED_EXIT_CODE)


class _Server(uvicorn.Server):
    """uvicorn's server; says when it serves, and ends with exit code 0 when it is asked to end."""

    address = ""
    state = State()
    deposed = ""

    def end_deposed(self, reason: str) -> None:
        """End soon, without waiting long for requests: nothing can be committed here any more. From any thread."""
        self.deposed = reason
        self.config.timeout_graceful_shutdown = _DEPOSED_DRAIN_SECONDS
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            print(f"lrtune serving on {self.address}", flush=True)
            if (optuna_address := getattr(self.state, "optuna_address", None)) is not None:
                print(f"lrtune serving Optuna's gRPC protocol on {optuna_address}", flush=True)

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


def _configure_logging(level: str) -> None:
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(key_order=["timestamp", "level", "logger", "event"]),
        ],
    )
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for noisy in ("alembic", "uvicorn.error", "a2wsgi"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, logging.getLogger().level))
