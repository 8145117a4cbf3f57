"""A line in the log for every request, where that is wished for."""

import json
import logging
import time
from collections.abc import Callable
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lrtune.service.request_context import ACCESS_LOGGER, ids_of, shown_path
from lrtune.service.storage.engine.engine import Engine
from lrtune.service.storage.errors import StudyMissing

_log = logging.getLogger(ACCESS_LOGGER)


class AccessLog:
    """ASGI middleware before all others but those that say who is asking. `engine` gives the running service's, in
    which is looked up which worker holds a trial."""

    def __init__(self, app: ASGIApp, engine: Callable[[], Engine]) -> None:
        self._app = app
        self._engine = engine

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()
        seen: dict[str, Any] = {"status": 500, "bytes": 0}
        leased = b""

        async def noting(message: Message) -> None:
            nonlocal leased
            if message["type"] == "http.response.start":
                seen["status"] = message["status"]
            else:
                body = message.get("body", b"")
                seen["bytes"] += len(body)
                if seen["status"] == 201:
                    leased = body
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            self._tell(scope, seen | {"seconds": round(time.perf_counter() - begun, 6)}, leased)

    def _tell(self, scope: Scope, seen: dict[str, Any], leased: bytes) -> None:
        client = scope.get("client")
        ids = ids_of(scope)
        if "study" in ids and "trial" not in ids and scope["path"].endswith("/trials") and leased:
            ids["trial"] = json.loads(leased)["number"]
        worker = self._worker(ids)
        if worker is not None:
            ids["worker"] = worker
        request = {"method": scope["method"], "path": shown_path(scope), **seen}
        _log.info("request", extra={**request, "address": client[0] if client else None, **ids})

    def _worker(self, ids: dict[str, Any]) -> str | None:
        """Who has the trial on lease, or had it last; None where its study is not in memory."""
        mirrors = self._engine().mirrors
        try:
            study = mirrors.peek(mirrors.id_of(ids["study"]))
            work = None if study is None else study.trials[ids["trial"]].work
        except (StudyMissing, KeyError, IndexError):
            return None
        return None if work is None else work.worker
