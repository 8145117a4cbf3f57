"""optuna-dashboard over the engine, under /optuna/.

Its pages ask for absolute paths (/dashboard, /api, /static, /csv), so those lead to it as well; none of ours begins
like them.

Its pages are made whole in memory, of all trials of a study: of a large one, that takes seconds in which nothing else
runs. So they are made a piece at a time, and refused for studies beyond a limit.
"""

import json
import re
import threading
from collections.abc import Container, Iterable, Iterator
from importlib import import_module
from typing import Any, cast
from urllib.parse import quote_from_bytes

from a2wsgi import WSGIMiddleware
from a2wsgi.wsgi_typing import Environ, StartResponse, WSGIApp
from fastapi import FastAPI, Request, Response
from fastapi.responses import RedirectResponse
from optuna.trial import FrozenTrial, TrialState
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from lrtune.service.api.http.names import PRINCIPAL
from lrtune.service.api.http.problems import problem
from lrtune.service.api.optuna.budgets import BudgetedStorage
from lrtune.service.api.optuna.shown import ShownStorage
from lrtune.service.storage import OptunaStorage
from lrtune.service.storage.memory.actor import ACTING

_OF_A_STUDY = re.compile("/api/studies/([0-9]{1,9})")
_PREFIXES = ("dashboard", "api", "static", "csv")
_THREADS = 4
_READING = ("GET", "HEAD", "OPTIONS")
_ASCII = "".join(map(chr, range(128)))

MOST_TRIALS, MOST_REPORTS = 10_000, 100_000
"""Of a study that is shown: some ten megabytes."""
_PLAIN_AT_ONCE = 200
"""Elements of a list that are encoded together."""


class _Limited(BudgetedStorage):
    """The storage as the dashboard gets it, which is shown no study of more trials or reports than the limits above."""

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        study = self._study(study_id)
        trials, reports = len(study.trials), 0
        if trials <= MOST_TRIALS:
            reports = sum(len(trial.intermediate) for trial in list(study.trials))
        if trials > MOST_TRIALS or reports > MOST_REPORTS:
            raise import_module("bottle").HTTPError(
                413,
                f"study {study.name} has {trials:,} trials{f' with {reports:,} reports' if reports else ''}, and this "
                f"dashboard shows {MOST_TRIALS:,} trials with {MOST_REPORTS:,} reports at the most: read it from GET "
                f"/v1/studies/{study.name}/trials.csv, or point a dashboard of its own at the database",
            )
        return super().get_all_trials(study_id, deepcopy, states)


def _dumps(value: Any) -> str:
    """`json.dumps`, which keeps all other threads waiting, called on a piece at a time."""
    return "".join(_pieces(value))


def _pieces(value: Any) -> Iterator[str]:
    if isinstance(value, dict) and any(isinstance(one, list | dict) and one for one in value.values()):
        opening = "{"
        for key, one in value.items():
            yield f"{opening}{json.dumps(str(key))}: "
            yield from _pieces(one)
            opening = ", "
        yield "}"
    elif isinstance(value, list) and len(value) > _PLAIN_AT_ONCE:
        yield "["
        for start in range(0, len(value), _PLAIN_AT_ONCE):
            yield ", " if start else ""
            yield _piece(value[start : start + _PLAIN_AT_ONCE])
        yield "]"
    else:
        yield json.dumps(value)


def _piece(some: list[Any]) -> str:
    """Some elements of a list, without its brackets."""
    large = any(isinstance(one, dict) and any(_is_long(part) for part in one.values()) for one in some)
    return ", ".join(map(_dumps, some)) if large else json.dumps(some)[1:-1]


def _is_long(value: Any) -> bool:
    return isinstance(value, list) and len(value) > _PLAIN_AT_ONCE


def _made(storage: OptunaStorage) -> WSGIApp:
    app = import_module("optuna_dashboard").wsgi(storage)
    app.uninstall("json")
    app.install(import_module("bottle").JSONPlugin(json_dumps=_dumps))
    wsgi: WSGIApp = app
    return wsgi


class _OnDemand:
    """The dashboard's WSGI app, imported at the first request: with scikit-learn behind it, that takes longer than
    all the rest of the service."""

    def __init__(self, storage: ShownStorage) -> None:
        self._storage = storage
        self._lock = threading.Lock()
        self._app: WSGIApp | None = None

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        with self._lock:
            if self._app is None:
                self._app = _made(self._storage)
            app = self._app
        asked = _OF_A_STUDY.fullmatch(environ["PATH_INFO"])
        if asked:
            self._storage.prepare(int(asked[1]))
        return app(environ, start_response)


class _Door:
    """ASGI app before the dashboard: where nobody needs a token, refuses to change anything unless it `writes`, and
    makes requests such as the dashboard can read. It counts on headers that browsers send, and on addresses in ASCII.

    Where there are tokens, whose role lets them change things was let in before, and nobody else was.
    """

    def __init__(self, app: ASGIApp, *, writes: bool) -> None:
        self._app = app
        self._writes = writes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        has_token = scope[PRINCIPAL].token_id is not None
        if not self._writes and not has_token and scope["method"] not in _READING:
            detail = (
                "the dashboard can change nothing here, since the service listens beyond loopback and asks nobody for "
                "a token: make one (`lrtune token create --role admin`) and sign in, start the service with "
                "LRTUNE_DASHBOARD_WRITES=true where whoever reaches it may, or use the API"
            )
            refusal = problem(403, "dashboard-read-only", "The dashboard is read-only", detail, more={"reason": detail})
            await refusal(scope, receive, send)
            return
        headers = list(scope["headers"])
        if not any(name == b"accept-encoding" for name, _ in headers):
            headers.append((b"accept-encoding", b"identity"))
        query = quote_from_bytes(scope["query_string"], safe=_ASCII).encode()
        ACTING.set(ACTING.get()._replace(via="dashboard"))
        await self._app({**scope, "headers": headers, "query_string": query}, receive, send)


def mount(app: FastAPI, storage: OptunaStorage, *, writes: bool) -> None:
    """Serve optuna-dashboard over `storage`; it can change studies where it `writes`, or by an admin's token."""
    served = _Door(cast(ASGIApp, WSGIMiddleware(_OnDemand(_Limited(storage.engine)), workers=_THREADS)), writes=writes)
    for prefix in _PREFIXES:
        for path in (f"/{prefix}", f"/{prefix}/{{rest:path}}"):
            app.router.routes.append(Route(path, served, name=f"optuna-{prefix}"))

    @app.get("/optuna", include_in_schema=False)
    @app.get("/optuna/", include_in_schema=False)
    async def to_dashboard(request: Request) -> Response:
        prefix = request.scope["root_path"]
        return _not_under(prefix) if prefix else RedirectResponse("/dashboard", 307)


def _not_under(prefix: str) -> Response:
    detail = (
        f"this service is shown under {prefix}, and optuna-dashboard cannot be: its pages ask for absolute paths. Give "
        "the service a host name of its own instead of a path, open /dashboard at the service's own address, or run "
        "`optuna-dashboard` on the database"
    )
    return problem(404, "dashboard-at-root-only", "The dashboard is not served under a path", detail)
