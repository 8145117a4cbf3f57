"""A served process, and raw sockets to it: what no HTTP client would send."""

import re
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest

from tests.end_to_end.conftest import START_SECONDS, environ
from tests.support.processes import Program, Programs

HEAD = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"


class Served:
    """A service process on a SQLite file of its own."""

    def __init__(self, programs: Programs, folder: Path, limit: str = "", **settings: object) -> None:
        variables = {f"LRTUNE_{name.upper()}": str(value) for name, value in settings.items()}
        command = [sys.executable, "-m", "lrtune.service.cli.main", "serve", "--port", "0"]
        if limit:  # Of the shell, which then becomes the service.
            command = ["/bin/sh", "-c", f"{limit} exec {' '.join(command)}"]
        env = environ(LRTUNE_STORAGE=f"sqlite:///{folder}/served.db", **variables)
        self.program: Program = programs.start(command, env)
        said = self.program.wait_for_line(r"^lrtune serving on (https?)://127.0.0.1:(\d+)$", START_SECONDS)
        self.scheme, self.port = said[1], int(said[2])

    @property
    def address(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def connect(self) -> socket.socket:
        opened = socket.create_connection(("127.0.0.1", self.port))
        opened.settimeout(20)
        return opened

    def say(self, *pieces: bytes) -> bytes:
        """All that is answered to these pieces, sent one by one, until the service closes."""
        with self.connect() as opened:
            for piece in pieces:
                opened.sendall(piece)
            return everything(opened)

    def metric(self, series: str) -> float:
        page = httpx2.get(f"{self.address}/metrics").text
        found = re.search(rf"^{re.escape(series)} (\S+)$", page, re.MULTILINE)
        return float(found[1]) if found else 0.0

    def new_study(self, name: str) -> str:
        """Its path."""
        assert httpx2.post(f"{self.address}/v1/studies", json={"name": name}).status_code == 201
        return f"/v1/studies/{name}"


def everything(opened: socket.socket) -> bytes:
    """What comes until the other side closes."""
    found = b""
    while piece := opened.recv(65536):
        found += piece
    return found


def one_answer(opened: socket.socket) -> bytes:
    """A whole answer on a connection that is kept; it announces its length."""
    found = b""
    while b"\r\n\r\n" not in found:
        found += opened.recv(65536)
    head, _, body = found.partition(b"\r\n\r\n")
    length = int(re.search(rb"content-length: (\d+)", head)[1])  # type: ignore[index]
    while len(body) < length:
        body += opened.recv(65536)
    return head + b"\r\n\r\n" + body


def post(path: str, *headers: str) -> bytes:
    """The head of a POST of JSON."""
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", "Content-Type: application/json", *headers]
    return "\r\n".join([*lines, "", ""]).encode()


def long_poll(path: str, seconds: float) -> bytes:
    """A request for the next version of the study at `path`."""
    return f"GET {path}/status?after=1000000&wait_seconds={seconds} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


Serve = Callable[..., Served]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Starts services with the settings given."""
    with Programs(tmp_path / "programs") as programs:
        yield lambda **settings: Served(programs, tmp_path, **settings)
