"""Serving agents over standard input and output, or HTTP, until they or a signal end it; leases are given back then."""

import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import anyio
import uvicorn
from anyio.abc import TaskStatus
from anyio.to_thread import run_sync
from mcp.server.stdio import stdio_server
from mcp.server.transport_security import TransportSecuritySettings

from lrtune.service.cli.commands.mcp.server import make_server
from lrtune.service.cli.commands.mcp.worker import AgentWorker

PATH = "/mcp"
GRACE_SECONDS = 3
"""For connections to end, of a server that was told to."""
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


async def serve_stdio(worker: AgentWorker) -> None:
    """Serves one agent until standard input ends. On a signal the process ends."""

    async def end(number: int) -> None:
        await run_sync(worker.close)
        # The thread that reads standard input cannot be interrupted, and would hold the process until the next line.
        sys.stderr.flush()
        os._exit(128 + number)

    server = make_server(worker)
    async with anyio.create_task_group() as group:
        await group.start(_on_signal, end)
        try:
            async with stdio_server() as (read, write):
                await server.run(read, write, server.create_initialization_options())
        finally:
            with anyio.CancelScope(shield=True):
                await run_sync(worker.close)  # Here, where a signal does not cut it short.
        group.cancel_scope.cancel()


async def serve_http(worker: AgentWorker, listening: socket.socket) -> None:
    """Serves agents at `PATH` of a socket that is bound to a loopback address, until a signal."""
    host, port = listening.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    names = [f"{shown}:*", "localhost:*", "127.0.0.1:*", "[::1]:*"]
    # Pages of other sites that a browser on this machine shows are turned away, under whatever name they come.
    security = TransportSecuritySettings(allowed_hosts=names, allowed_origins=[f"http://{name}" for name in names])
    app = make_server(worker).streamable_http_app(streamable_http_path=PATH, host=host, transport_security=security)
    config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=GRACE_SECONDS)
    server = _Server(config)

    async def end(_: int) -> None:
        server.force_exit = server.should_exit
        server.should_exit = True

    async with anyio.create_task_group() as group:
        await group.start(_on_signal, end)
        print(f"lrtune mcp serving on http://{shown}:{port}{PATH}", flush=True)
        try:
            await server.serve(sockets=[listening])
        finally:
            with anyio.CancelScope(shield=True):
                await run_sync(worker.close)
        group.cancel_scope.cancel()


class _Server(uvicorn.Server):
    """uvicorn's, which leaves signals to who gives leases back."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _on_signal(
    end: Callable[[int], Awaitable[None]], *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED
) -> None:
    heard = [number for number in _SIGNALS if signal.getsignal(number) != signal.SIG_IGN]  # nohup ignores SIGHUP.
    with anyio.open_signal_receiver(*heard) as received:
        task_status.started()
        async for number in received:
            await end(number)
