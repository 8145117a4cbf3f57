"""`lrtune mcp`."""

import logging
import socket
import threading
from typing import Annotated

import typer

from lrtune.service.cli.log import own_log
from lrtune.service.cli.options import Server
from lrtune.service.cli.output import fail
from lrtune.service.cli.progress import end_fallback
from lrtune.service.connections.addresses import address_of, reaches_others

SECONDS_PER_HOUR = 3600.0


def mcp(
    server: Server = None,
    http: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT",
            show_default="standard input and output",
            help="Serve over HTTP on a loopback address, 127.0.0.1:8081 say; port 0 takes a free one.",
        ),
    ] = None,
    idle_hours: Annotated[
        float,
        typer.Option(min=0.01, max=8760, help="A trial that no call was about for so long is given back."),
    ] = 24.0,
) -> None:
    """Serve a service's tools to agents, by the Model Context Protocol.

    An agent starts this command and talks to it over standard input and output; with --http it is started by you, and
    agents on this machine connect to /mcp. Trials that an agent asks for are kept on lease while it runs, and given
    back when it ends.

    Example, for an agent's configuration: {"mcpServers": {"lrtune": {"command": "lrtune", "args": ["mcp"]}}}
    """
    listening = None if http is None else _listen(http)
    import anyio

    from lrtune.service.cli.commands.mcp.server import RETRY_SECONDS
    from lrtune.service.cli.commands.mcp.serving import serve_http, serve_stdio
    from lrtune.service.cli.commands.mcp.worker import AgentWorker
    from lrtune.trainers.client.client import Client
    from lrtune.trainers.client.http.retry import Retry

    stopping = threading.Event()
    client = Client(server, retry=Retry(RETRY_SECONDS, stopping=stopping))
    end_fallback()
    agent = AgentWorker(client, idle_seconds=idle_hours * SECONDS_PER_HOUR, stopping=stopping)
    with own_log(logging.WARNING), agent as worker:
        if listening is None:
            anyio.run(serve_stdio, worker)
        else:
            anyio.run(serve_http, worker, listening)


def _listen(place: str) -> socket.socket:
    """A socket bound to HOST:PORT, which only this machine reaches; else one line, and the exit code."""
    host, colon, port = place.rpartition(":")
    if not colon or not host or not port.isdecimal() or int(port) > 65_535:
        fail(f"--http {place}: give HOST:PORT, such as 127.0.0.1:8081", 2)
    try:
        address = address_of(host.strip("[]"))
        if reaches_others(address):
            fail(
                f"--http {place}: other machines would reach it, and it asks for no token: take 127.0.0.1, and reach "
                "it from elsewhere by ssh -L",
                2,
            )
        bound = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((address, int(port)))
    except OSError as error:
        fail(f"--http {place}: cannot listen there: {error.strerror or error}; take another address or port")
    return bound
