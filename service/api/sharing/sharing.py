"""Which process answers a request: this one, where it serves the study, else the one that does."""

import asyncio
import time
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lrtune.service.api.http.problems import problem
from lrtune.service.api.metrics import Metrics
from lrtune.service.api.sharing.hop import NOT_ITS_OWNER, Hop, Outcome, believed
from lrtune.service.api.sharing.requests import WholeBody, concerns_studies, study_of
from lrtune.service.storage.engine.engine import Engine
from lrtune.service.storage.errors import StudyElsewhere
from lrtune.service.storage.memory.shards import shard_of

_PATIENCE_SECONDS = 15.0
"""How long a request waits for its study to be served: longer than a process takes to end."""
_PAUSE_SECONDS = 0.05


class Sharing:
    """ASGI middleware. A request about a study is answered here where the study is served here, else it is sent on.

    One that is not let in is refused here, before its body is read. It waits where nobody serves the study for now.
    One that was begun here, and whose study went to another process meanwhile, before anything was changed, is sent on
    from its beginning.
    """

    def __init__(
        self,
        app: ASGIApp,
        engine: Engine,
        hop: Hop,
        metrics: Metrics,
        max_bytes: int,
        is_let_in: Callable[[Scope], bool],
    ) -> None:
        self._app = app
        self._is_let_in = is_let_in
        self._engine = engine
        self._hop = hop
        self._metrics = metrics
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        keeper = self._engine.keeper
        if scope["type"] != "http" or keeper is None:
            await self._app(scope, receive, send)
            return
        sent_on = believed(scope, keeper.itself.secret)
        scope = sent_on or scope
        if not concerns_studies(scope) or not self._is_let_in(scope):
            await self._app(scope, receive, send)
            return
        body = WholeBody(receive)
        content = await body.read(self._max_bytes)
        name = study_of(scope, content) if body.complete else None
        if name is None:
            await self._app(scope, body.replay(), send)
        elif sent_on is not None:
            await self._answer_hop(name, scope, body, send)
        else:
            await self._answer(name, scope, content, body, send)

    async def _answer_hop(self, name: str, scope: Scope, body: WholeBody, send: Send) -> None:
        """Answer here, or say that another process has to: nothing is sent on twice."""
        if not await self._here(name, scope, body, send):
            refusal = problem(NOT_ITS_OWNER, "study-elsewhere", "Another process", str(StudyElsewhere(name)))
            await refusal(scope, body.replay(), send)

    async def _answer(self, name: str, scope: Scope, content: bytes, body: WholeBody, send: Send) -> None:
        keeper, shard = self._engine.keeper, shard_of(name)
        assert keeper is not None
        until = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < until:
            if await self._here(name, scope, body, send):
                return
            owner = keeper.owners.get(shard)
            if owner is not None and owner != keeper.itself:
                outcome = await self._hop.send(owner, scope, content, body, send)
                self._metrics.sent_on.labels(outcome.value).inc()
                if outcome is Outcome.ANSWERED:
                    return
                if outcome is Outcome.UNKNOWN:
                    await self._refuse("the process that serves it ended before it answered", name, scope, body, send)
                    return
            keeper.look_soon()
            await asyncio.sleep(_PAUSE_SECONDS)
        await self._refuse("no process serves it at the moment", name, scope, body, send)

    async def _here(self, name: str, scope: Scope, body: WholeBody, send: Send) -> bool:
        """Whether the request was answered here: the study is served here, or nothing is."""
        engine = self._engine
        if engine.state == "active" and not engine.mirrors.shards.holds(name):
            return False
        answer = _UnlessElsewhere(send)
        await self._app(dict(scope), body.replay(), answer)
        return not answer.elsewhere

    async def _refuse(self, why: str, name: str, scope: Scope, body: WholeBody, send: Send) -> None:
        refusal = problem(
            *(503, "storage-unavailable", "The study is not served now", f"study {name!r}: {why}; try again"),
            headers={"Retry-After": "1"},
        )
        await refusal(scope, body.replay(), send)


class _UnlessElsewhere:
    """Passes an answer on, but for the one that says that another process serves the study."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.elsewhere = False

    async def __call__(self, message: Message) -> None:
        """Pass a part of the answer on."""
        if message["type"] == "http.response.start" and message["status"] == NOT_ITS_OWNER:
            self.elsewhere = True
        if not self.elsewhere:
            await self._send(message)
