"""What the endpoints call: tokens of a running service."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import TypeVar

from sqlalchemy import Connection

from lrtune.service.access import tokens
from lrtune.service.access.errors import Unauthorized
from lrtune.service.access.keeper import Keeper
from lrtune.service.access.principal import Principal
from lrtune.service.access.registry import Registry
from lrtune.service.storage.engine.engine import Engine
from lrtune.service.storage.errors import StorageUnavailable
from lrtune.service.storage.memory.actor import ACTING
from lrtune.service.storage.sql.reading.tokens import StoredToken
from lrtune.service.wire.access.bodies import CreatedToken, Me, NewToken, Token

_log = logging.getLogger(__name__)

Result = TypeVar("Result")


class Access:
    """The tokens of one storage engine. All methods are for the event loop."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.registry = Registry(lambda: engine.failure)
        self.keeper = Keeper(engine, self.registry)
        # Of its own: a revocation is not to wait for a thread that something else has taken.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="lrtune-token-changes")

    def close(self) -> None:
        """End the threads; nothing may be called from then on."""
        self._thread.shutdown(wait=False, cancel_futures=True)
        self.keeper.close()

    async def create(self, body: NewToken) -> CreatedToken:
        """A new token. Raises TokenInvalid, StorageUnavailable."""
        token, secret = await self._change(partial(tokens.create, body=body, now=self.now))
        _note("token created", token)
        return tokens.created_view(token, secret)

    async def revoke(self, token_id: str, *, force: bool = False) -> Token:
        """End a token, here at once and on other processes within a second. Raises TokenNotFound, LastAdmin,
        StorageUnavailable."""
        token = await self._change(partial(tokens.revoke, token_id=token_id, now=self.now, force=force))
        _note("token revoked", token)
        return self._view(token)

    async def rotate(self, token_id: str, grace_seconds: float) -> CreatedToken:
        """Give a token a new secret. Raises TokenNotFound, TokenInvalid, StorageUnavailable."""
        rotating = partial(tokens.rotate, token_id=token_id, now=self.now, grace_seconds=grace_seconds)
        token, secret = await self._change(rotating)
        _note("token rotated", token)
        return tokens.created_view(token, secret)

    async def sign_in(self, secret: bytes, before: bytes | None) -> tuple[str, float]:
        """A secret for the browser of who shows that of a token, and for how many seconds it holds; the sign-in that
        it had `before` is ended. Raises Unauthorized, StorageUnavailable."""
        now = self.now
        principal = self.registry.holder(secret, now)
        owner = self.registry.token(principal.token_id or "")
        shown = self.registry.stored(secret)
        if owner is None or shown is None or principal.by_cookie:
            raise Unauthorized("unknown", "that is no token: `lrtune token create --role viewer` prints one")
        until = min(now + tokens.SESSION_SECONDS, shown.expires_at or float("inf"))

        def work(connection: Connection) -> str:
            self._end(connection, before, now)
            return tokens.sign_in(connection, owner, now, until)

        session = await self._change(work)
        _note("signed in", owner)
        return session, until - now

    async def sign_out(self, session: bytes) -> None:
        """End a sign-in; what is none, or has ended, is left as it is. Raises StorageUnavailable."""
        if self.registry.stored(session) is not None:
            await self._change(partial(self._end, session=session, now=self.now))

    def _end(self, connection: Connection, session: bytes | None, now: float) -> None:
        ended = None if session is None else self.registry.stored(session)
        if ended is not None:
            tokens.sign_out(connection, ended.token_id, now)

    def page(self, after: str | None, limit: int) -> tuple[list[Token], str | None]:
        """Up to `limit` tokens, the newest first, those after the one of the id `after`; and the id to go on after."""
        found = self.registry.tokens()
        ids = [token.token_id for token in found]
        start = ids.index(after) + 1 if after in ids else 0
        some = found[start : start + limit]
        return [self._view(token) for token in some], some[-1].token_id if start + limit < len(found) else None

    def me(self, principal: Principal) -> Me:
        """Who that is."""
        token = None if principal.token_id is None else self.registry.token(principal.token_id)
        return Me(
            role=principal.role,  # type: ignore[arg-type]
            scopes=list(principal.scopes),
            token=None if token is None else self._view(token),
            former=tokens.former_view(principal.prefix, principal.former_until),
        )

    def _view(self, token: StoredToken) -> Token:
        return tokens.view(token, self.registry.used.get(token.token_id))

    @property
    def now(self) -> float:
        """By the clock that expiries are judged by, in seconds since the epoch."""
        return self._engine.mirrors.clock()

    async def _change(self, work: Callable[[Connection], Result]) -> Result:
        running = partial(copy_context().run, self._engine.upkeep.run, work)
        result = await asyncio.get_running_loop().run_in_executor(self._thread, running)
        try:
            await self.keeper.look()
        except Exception as error:
            raise StorageUnavailable(
                f"the change is on disk, and not seen here yet, for the tokens cannot be read ({error}): until they "
                "can, this process goes by those before; `lrtune token list` shows when it is seen"
            ) from error
        return result


def _note(what: str, token: StoredToken) -> None:
    told: dict[str, object] = {
        "subject": token.token_id,
        "prefix": token.prefix,
        "role": token.role,
        "scopes": list(token.scopes),
    }
    _log.info(what, extra=told | ACTING.get().told)
