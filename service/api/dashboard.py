"""optuna-dashboard over the engine, under /optuna/.

Its pages ask for absolute paths (/dashboard, /api, /static, /csv), so those lead to it as well; none of ours begins
like them.
"""

import threading
from collections.abc import Iterable
from importlib import import_module

from a2wsgi import WSGIMiddleware
from a2wsgi.wsgi_typing import Environ, StartResponse, WSGIApp
from fastapi import FastAPI
from fastapi.responses import RedirectResponse
from starlette.routing import Route

from lrtune.service.storage import OptunaStorage

_PREFIXES = ("dashboard", "api", "static", "csv")
_THREADS = 4


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


def mount(app: FastAPI, storage: OptunaStorage) -> None:
    """Serve optuna-dashboard over `storage`."""
    served = WSGIMiddleware(_OnDemand(storage), workers=_THREADS)
    for prefix in _PREFIXES:
        for path in (f"/{prefix}", f"/{prefix}/{{rest:path}}"):
            app.router.routes.append(Route(path, served, name=f"optuna-{prefix}"))

    @app.get("/optuna", include_in_schema=False)
    @app.get("/optuna/", include_in_schema=False)
    async def to_dashboard() -> RedirectResponse:
        return RedirectResponse("/dashboard", 307)
