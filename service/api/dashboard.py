"""optuna-dashboard over the engine, under /optuna/.

Its pages ask for absolute paths (/dashboard, /api, /static, /csv), so those lead to it as well; none of ours begins
like them.
"""

import threading
from collections.abc import Iterable
from importlib import import_module
from typing import cast
from urllib.parse import quote_from_bytes

from a2wsgi import WSGIMiddleware
from a2wsgi.wsgi_typing import Environ, StartResponse, WSGIApp
from fastapi import FastAPI
from fastapi.responses import RedirectResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from lrtune.service.api.problems import problem
from lrtune.service.storage import OptunaStorage

_PREFIXES = ("dashboard", "api", "static", "csv")
_THREADS = 4
_READING = ("GET", "HEAD", "OPTIONS")
_ASCII = "".join(map(chr, range(128)))


class _OnDemand:
    """The dashboard's WSGI app, imported at the first request: with scikit-learn behind it, that takes longer than
    all the rest of the service."""

    def __init__(self, storage: OptunaStorage) -> None:
        self._storage = storage
        self._lock = threading.Lock()
        self._app: WSGIApp | None = None

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        with self._lock:
            if self._app is None:
                self._app = import_module("optuna_dashboard").wsgi(self._storage)
            app = self._app
        return app(environ, start_response)


class _Door:
    """ASGI app before the dashboard: refuses to change anything unless it `writes`, and makes requests such as the
    dashboard can read. It counts on headers that browsers send, and on addresses in ASCII."""

    def __init__(self, app: ASGIApp, *, writes: bool) -> None:
        self._app = app
        self._writes = writes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._writes and scope["method"] not in _READING:
            detail = (
                "the dashboard can change nothing here, since the service listens beyond loopback: start it with "
                "LRTUNE_DASHBOARD_WRITES=true where whoever reaches it may, or use the API"
            )
            await problem(403, "dashboard-read-only", "The dashboard is read-only", detail)(scope, receive, send)
            return
        headers = list(scope["headers"])
        if not any(name == b"accept-encoding" for name, _ in headers):
            headers.append((b"accept-encoding", b"identity"))
        query = quote_from_bytes(scope["query_string"], safe=_ASCII).encode()
        await self._app({**scope, "headers": headers, "query_string": query}, receive, send)


def mount(app: FastAPI, storage: OptunaStorage, *, writes: bool) -> None:
    """Serve optuna-dashboard over `storage`; it can change studies where it `writes`."""
    served = _Door(cast(ASGIApp, WSGIMiddleware(_OnDemand(storage), workers=_THREADS)), writes=writes)
    for prefix in _PREFIXES:
        for path in (f"/{prefix}", f"/{prefix}/{{rest:path}}"):
            app.router.routes.append(Route(path, served, name=f"optuna-{prefix}"))

    @app.get("/optuna", include_in_schema=False)
    @app.get("/optuna/", include_in_schema=False)
    async def to_dashboard() -> RedirectResponse:
        return RedirectResponse("/dashboard", 307)
