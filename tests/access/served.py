"""The service on a real socket in this process, with what its doors and its endpoints saw of each request."""

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.routing import Mount, Route

from lrtune.service.access.doors import Rule
from lrtune.service.api.middleware import access as access_module
from lrtune.service.api.middleware.fast_lane import FastLane
from lrtune.service.app import create_app
from lrtune.service.connections.registry import Connections
from lrtune.service.settings import Settings
from lrtune.service.uvicorn_options import uvicorn_options
from tests.support import migrated

_SECONDS = 20
_addresses = (f"127.{high}.{low}.1" for high in range(1, 256) for low in range(256))


@dataclass
class Served:
    """A service, and what was seen of the requests since `forget`."""

    port: int
    app: FastAPI
    checked: list[tuple[Rule, str | None]] = field(default_factory=list)
    """The rule that the check applied, and the study that it saw in the path."""
    ran: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    """Method, path as declared, and parameters of the endpoints that ran."""

    def forget(self) -> None:
        self.checked.clear()
        self.ran.clear()

    def say(self, request: bytes) -> bytes:
        """All that is answered until the service closes; of events, which never end, the beginning. Each from an
        address of its own: who sends many wrong tokens from one would wait."""
        source = next(_addresses), 0
        with socket.create_connection(("127.0.0.1", self.port), source_address=source) as opened:
            opened.settimeout(_SECONDS)
            try:
                opened.sendall(request)
                found = b""
                while b"\r\ncontent-type: text/event-stream" not in found and (piece := opened.recv(65536)):
                    found += piece
                return found
            except ConnectionError:  # Closed before all was sent.
                return b""


@contextmanager
def served(url: str, **settings: Any) -> Iterator[Served]:
    """Serve `url` for the length of the block."""
    migrated.make(url)
    app = create_app(Settings(storage=url, **{"dashboard": True, **settings}))
    with ExitStack() as stack:
        bound = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        server = uvicorn.Server(uvicorn.Config(app, **uvicorn_options(Connections())))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
        found = Served(bound.getsockname()[1], app)
        _watch(stack.enter_context(pytest.MonkeyPatch.context()), found)
        thread.start()
        try:
            yield found
        finally:
            server.should_exit = True
            thread.join(_SECONDS)


def _watch(patch: pytest.MonkeyPatch, served: Served) -> None:
    plain_door, plain_fast = access_module.door_of, FastLane._call

    def door_of(method: str, path: str) -> tuple[Rule, str | None]:
        found = plain_door(method, path)
        served.checked.append(found)
        return found

    async def fast(self: FastLane, study: str, number: int, name: str | None, *more: Any) -> Any:
        below = "" if name is None else f"/{{number}}/{name}"
        served.ran.append(("POST", f"/v1/studies/{{study}}/trials{below}", {"study": study, "number": number}))
        return await plain_fast(self, study, number, name, *more)

    patch.setattr(access_module, "door_of", door_of)
    patch.setattr(FastLane, "_call", fast)
    for kind in (APIRoute, Route, Mount):
        _watch_routes(patch, kind, served)


def _watch_routes(patch: pytest.MonkeyPatch, kind: Any, served: Served) -> None:
    plain = kind.handle

    async def handle(self: Any, scope: Any, receive: Any, send: Any) -> None:
        methods = getattr(self, "methods", None)
        if methods is None or scope["method"] in methods:
            served.ran.append((scope["method"], self.path, dict(scope["path_params"])))
        await plain(self, scope, receive, send)

    patch.setattr(kind, "handle", handle)
