"""Connections that say too much, or half of what they should."""

import contextlib
import resource
import socket
import time

from tests.benchmarks.abuse.scenario import Scenario
from tests.benchmarks.abuse.stage import FILLED, MIB, Missed, Stage
from tests.benchmarks.processes import resident_bytes

_HEADING = "connections"
_MOST_GROWN_MIB = 20
_HALF_HEAD = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Half: "
_HALF_BODY = (
    f"POST /v1/studies/{FILLED}/trials HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
).encode()


def _endless_head(stage: Stage) -> str:
    line = b"X-Long: " + b"x" * 8000 + b"\r\n"
    most = 64 * MIB if stage.size.repeats > 1 else MIB
    before = resident_bytes(stage.service.pid)
    sent, answer = 0, b""
    with stage.socket() as connection:
        connection.settimeout(10)
        with contextlib.suppress(OSError):
            connection.sendall(_HALF_HEAD + b"\r\n")
            while sent < most:
                connection.sendall(line)
                sent += len(line)
        with contextlib.suppress(OSError):
            answer = connection.recv(200)
    grown = (resident_bytes(stage.service.pid) - before) / MIB
    if (sent >= most and b" 431 " not in answer[:20]) or grown > _MOST_GROWN_MIB:
        raise Missed(f"took {sent / MIB:.0f} MiB of headers, and {grown:.0f} MiB of memory")
    return f"{answer[9:12].decode() or 'closed'}, {max(0.0, grown):.0f} MiB of memory"


def _half(stage: Stage, text: bytes) -> str:
    """Many connections that begin and go silent; a third party is still served."""
    count = min(500, stage.size.connections)
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            stack.enter_context(stage.socket()).sendall(text)
        time.sleep(stage.size.calm_seconds)
        if stage.call("GET", "/healthz").status_code != 200:
            raise Missed("nobody else is served")
    return f"{count} held"


def _crowd(stage: Stage) -> str:
    """As many connections as can be opened, or 3,000; those that are there already go on."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    held: list[socket.socket] = []
    try:
        with contextlib.suppress(OSError):
            for _ in range(stage.size.connections):
                held.append(stage.socket())
        time.sleep(stage.size.calm_seconds)
    finally:
        for one in held:
            one.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if stage.call("GET", "/healthz").status_code != 200:
        raise Missed("nobody is served after the crowd has gone")
    return f"{len(held):,} held"


SCENARIOS = (
    Scenario(_HEADING, "a head of 64 MiB", _endless_head),
    Scenario(_HEADING, "500 half-sent heads", lambda stage: _half(stage, _HALF_HEAD)),
    Scenario(_HEADING, "500 half-sent bodies", lambda stage: _half(stage, _HALF_BODY)),
    Scenario(_HEADING, "3,000 idle connections", _crowd),
)
