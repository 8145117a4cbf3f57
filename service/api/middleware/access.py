"""The one place where it is decided whether a request is let in, whatever answers it behind."""

from collections.abc import Callable
from functools import partial
from urllib.parse import unquote_to_bytes

from fastapi import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lrtune.service.access.access import Access
from lrtune.service.access.check import Shown, bearer, let_in
from lrtune.service.access.doors import door_of
from lrtune.service.access.errors import AccessError, NotAllowed, Unauthorized
from lrtune.service.access.files.scraping import ScrapingSecret
from lrtune.service.access.limits import Limiter, TooManyRequests
from lrtune.service.access.principal import ANYONE, SCRAPER, Principal
from lrtune.service.api.http import problems
from lrtune.service.api.http.names import PRINCIPAL
from lrtune.service.api.metrics import Metrics
from lrtune.service.api.middleware.browsers import check_origin, session_secret, to_sign_in
from lrtune.service.api.middleware.holding import Holding
from lrtune.service.api.middleware.limiting import address_of, until_gone
from lrtune.service.request_context import REQUEST
from lrtune.service.storage.errors import StorageError
from lrtune.service.storage.memory.actor import ACTING, Actor
from lrtune.service.wire.access.secrets import MARK, holds_secret

RefusedPage = Callable[[Scope, NotAllowed], Response | None]

_METRICS = "/metrics"
_READING = ("GET", "HEAD")
"""What these ask for may be broken off: it changes nothing."""


class AccessCheck:
    """ASGI middleware. `access` gives the running service's tokens; `scraping` opens `/metrics`, too. Who shows many
    wrong tokens waits at the `gate`. `refused_page` makes what a browser is shown that may not see what it asked for.
    Where the service is inside the process of its `owner`, every request is the owner's, whatever tokens there are.
    """

    def __init__(
        self,
        app: ASGIApp,
        access: Callable[[], Access],
        scraping: ScrapingSecret,
        gate: Limiter,
        metrics: Metrics,
        refused_page: RefusedPage,
        owner: Actor | None = None,
    ) -> None:
        self._app = app
        self._owner = owner
        self._access = access
        self._scraping = scraping
        self._gate = gate
        self._metrics = metrics
        self._refused_page = refused_page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":  # There is no door of any other type.
                await self._app(scope, receive, send)
            return
        if self._owner is not None:
            scope[PRINCIPAL] = ANYONE
            ACTING.set(self._owner)
            await self._app(scope, receive, send)
            return
        try:
            principal = admitted(scope, self._access(), self._scraping)
        except Exception as refused:
            response = await self._refusal(scope, await self._slowed(refused, scope, receive))
            self._metrics.answered(scope["method"], "other", response.status_code, 0.0)
            await response(scope, receive, send)
            return
        scope[PRINCIPAL] = principal
        REQUEST.set(scope)
        client = scope.get("client")
        ACTING.set(Actor(principal.shown, principal.token_id, client[0] if client else None))
        if scope["method"] in _READING and principal.role is not None:
            await self._serve_while_it_holds(principal, scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _serve_while_it_holds(self, principal: Principal, scope: Scope, receive: Receive, send: Send) -> None:
        """A long poll or a long answer ends with the token: refused where it has not begun, else broken off."""
        access = self._access()
        begun = False

        async def noting(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        with Holding(lambda: access.registry.check_holds(principal, access.now)) as holding:
            await self._app(scope, receive, noting)
        if holding.refused is not None and not begun:
            await (await self._refusal(scope, holding.refused))(scope, receive, send)

    async def _slowed(self, refused: Exception, scope: Scope, receive: Receive) -> Exception:
        """What is answered, and when."""
        if isinstance(refused, Unauthorized):
            try:
                await self._gate.wrong(address_of(scope), refused.reason, partial(until_gone, receive))
            except TooManyRequests as instead:
                return instead
        return refused

    async def _refusal(self, scope: Scope, error: Exception) -> Response:
        shown = None
        if isinstance(error, Unauthorized):
            shown = to_sign_in(scope, error)
        elif isinstance(error, NotAllowed):
            shown = self._refused_page(scope, error)
        if shown is not None:
            return shown
        answer = await problems.answer(Request(scope), error)
        if scope["path"].startswith("/api/"):  # Of optuna-dashboard, which shows what stands under that name.
            return problems.extended(answer, reason=str(error))
        return answer


def admitted(scope: Scope, access: Access, scraping: ScrapingSecret) -> Principal:
    """Who comes in with a request. Raises AccessError, StorageUnavailable."""
    path = scope["path"]
    if path == _METRICS and scraping.opens(_authorization(scope)):
        return SCRAPER
    rule, study = door_of(scope["method"], path)
    registry = access.registry
    if (scope["query_string"] or MARK in path) and registry.version >= 0 and registry.secured:
        _check_address(scope)
    principal = let_in(registry, rule, study, partial(_shown, scope, access), access.now)
    if principal.by_cookie:
        check_origin(principal, scope)
    return principal


def is_admitted(scope: Scope, access: Access, scraping: ScrapingSecret) -> bool:
    """Whether `admitted` raises nothing."""
    try:
        admitted(scope, access, scraping)
    except (AccessError, StorageError):
        return False
    return True


def _authorization(scope: Scope) -> bytes:
    """What the `Authorization` header holds; nothing where there is none that can be read."""
    try:
        return bearer([value for name, value in scope["headers"] if name == b"authorization"])
    except Unauthorized:
        return b""


def _check_address(scope: Scope) -> None:
    """Raises Unauthorized where a token stands in the path or in the query, whatever the header says."""
    query = unquote_to_bytes(scope["query_string"])
    path = scope["path"].encode("utf-8", "replace")
    if b"access_token=" in query or holds_secret(query) or holds_secret(path):
        raise Unauthorized(
            "malformed",
            "a token in the address is refused, for addresses stand in logs: send it in the Authorization header, and "
            "revoke this one",
        )


def _shown(scope: Scope, access: Access) -> Shown:
    """The secret that a request shows. Raises Unauthorized."""
    values = [value for name, value in scope["headers"] if name == b"authorization"]
    if not values:
        session = session_secret(scope["headers"], partial(access.registry.is_sign_in, now=access.now))
        if session is not None:
            return session, True
    return bearer(values), False
