"""The limits of one process, as the middleware and the endpoints ask for them."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Literal, Protocol

from lrtune.service.access.limits.allowed import Allowance, ServiceLimits
from lrtune.service.access.limits.by_address import AddressRate, AddressStreams, sender_of
from lrtune.service.access.limits.by_token import TokenUse
from lrtune.service.access.limits.headers import Header
from lrtune.service.access.limits.wrong import Gone, WrongTokens
from lrtune.service.wire.access.bodies import Limits

Kind = Literal["request", "ask", "stream", "probe"]
"""What a request is for the limits. A stream stays open: see `Limiter.stream`. Strangers may probe freely."""
_FORGET_SECONDS = 3600.0
_SWEEP_AT = 4096


class Limitable(Protocol):
    """What is to be known of who sends a request: see `lrtune.service.access.principal`."""

    @property
    def role(self) -> str | None:
        """None of a stranger."""

    @property
    def token_id(self) -> str | None:
        """None where there are no tokens, and of a stranger."""

    @property
    def limits(self) -> Limits:
        """The token's own."""


class Limiter:
    """For the event loop. `clock` gives seconds; `on_wrong` is told why a request has no right token."""

    def __init__(
        self,
        limits: ServiceLimits | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        on_wrong: Callable[[str], None] = lambda _reason: None,
    ) -> None:
        limits = limits or ServiceLimits()
        self._of_service = limits.by_token
        self._clock = clock
        self._on_wrong = on_wrong
        self._free: dict[str, Limits] = {}
        self._uses: dict[str, TokenUse] = {}
        self._sweep_at = _SWEEP_AT
        self._addresses = _rate("address_requests_per_second", limits.address_requests_per_second)
        self._strangers = _rate("stranger_requests_per_second", limits.stranger_requests_per_second)
        streams = limits.address_streams
        self._address_streams = None if streams is None else AddressStreams(_setting("address_streams", streams))
        self._wrong = WrongTokens(limits.most_waiting, clock=clock)

    # Requests

    def is_free(self, principal: Limitable) -> bool:
        """Whether nothing limits its requests, whatever they are: then `enter` need not be called."""
        if self.is_known_free(principal):
            return True
        if self._addresses is not None or self._address_streams is not None:
            return False
        token_id = principal.token_id
        return token_id is not None and self._use_of(principal, token_id) is None

    def is_known_free(self, principal: Limitable) -> bool:
        """The same for any thread: False also of a token whose limits nobody has looked at yet."""
        if self._addresses is not None or self._address_streams is not None:
            return False
        token_id = principal.token_id
        if token_id is None:
            return principal.role is not None or self._strangers is None
        return self._free.get(token_id) is principal.limits

    def enter(self, principal: Limitable, address: str | None, kind: Kind = "request") -> None:
        """Count a request that is about to be served. Raises TooManyRequests."""
        now = self._clock()
        if self._addresses is not None:
            self._addresses.enter(sender_of(address), now)
        use = self.use(principal)
        if use is not None:
            use.enter(now, ask=kind == "ask")
        elif principal.role is None and self._strangers is not None and kind != "probe":
            self._strangers.enter(sender_of(address), now)

    @contextmanager
    def stream(self, principal: Limitable, address: str | None) -> Iterator[None]:
        """An answer that stays open, for the length of the block. Raises TooManyRequests where too many are."""
        with contextlib.ExitStack() as stack:
            if self._address_streams is not None:
                stack.enter_context(self._address_streams.stream(sender_of(address)))
            use = self.use(principal)
            if use is not None:
                stack.enter_context(use.stream())
            yield

    def headers(self, principal: Limitable, address: str | None) -> list[Header]:
        """What is told of limits with an answer; nothing where there are none."""
        now = self._clock()
        use = self.use(principal)
        told = [] if use is None else use.headers(now)
        if not told and self._addresses is not None:
            return self._addresses.headers(sender_of(address), now)
        return told

    # Trials, steps and studies: by the id of the token, which is known wherever it acts

    def steps(self, token_id: str | None, trials: int = 0, steps: int = 0) -> "Spent | None":
        """Count trials and steps that are about to be taken in; None where nothing limits them. Raises TooManyRequests,
        BodyTooLarge; then nothing was counted."""
        use = self._uses.get(token_id) if token_id is not None else None
        return None if use is None else Spent(use, self._clock, trials, steps)

    def has_limits(self, token_id: str | None) -> bool:
        """Whether a token that has come in has limits."""
        return token_id in self._uses

    @contextlib.asynccontextmanager
    async def creating(self, token_id: str | None, count: Callable[[str], int]) -> AsyncIterator[None]:
        """A study is created within the block; creations by one token take turns, so that none is missed by the count.
        `count` says, in a thread, how many studies that this token created exist. Raises TooManyStudies."""
        use = self._uses.get(token_id) if token_id is not None else None
        if token_id is None or use is None or not use.counts_studies:
            yield
            return
        async with use.creating:
            use.check_studies(await asyncio.to_thread(count, token_id))
            yield

    # Wrong tokens

    async def wrong(self, address: str | None, reason: str, gone: Gone | None = None) -> None:
        """Return when a request without a right token may be answered. Raises TooManyRequests."""
        self.note_wrong(reason)
        await self._wrong.wait(sender_of(address), reason, gone)

    def note_wrong(self, reason: str) -> None:
        """Count a request without a right token that does not wait for its answer. Any thread may call."""
        self._on_wrong(reason)

    def close(self) -> None:
        """Let go all who wait: the service is shutting down."""
        self._wrong.close()

    # Inside

    def use(self, principal: Limitable) -> TokenUse | None:
        """The counters of a token that has limits; else None."""
        token_id = principal.token_id
        if token_id is None or self._free.get(token_id) is principal.limits:
            return None
        return self._use_of(principal, token_id)

    def _use_of(self, principal: Limitable, token_id: str) -> TokenUse | None:
        given = principal.limits
        use = self._uses.get(token_id)
        if use is not None and (use.given is given or use.given == given):
            return use
        if len(self._uses) + len(self._free) >= self._sweep_at:
            self._sweep()
        use = TokenUse(given, self._of_service)
        if not use.limited:
            self._free[token_id] = given
            self._uses.pop(token_id, None)
            return None
        self._free.pop(token_id, None)
        self._uses[token_id] = use
        use.seen_at = self._clock()
        return use

    def _sweep(self) -> None:
        """Forget the tokens that have not come for long, where nothing changes by it."""
        now = self._clock()
        self._free.clear()
        old = [key for key, use in self._uses.items() if now - use.seen_at > _FORGET_SECONDS and use.is_idle(now)]
        for key in old:
            del self._uses[key]
        self._sweep_at = max(_SWEEP_AT, 2 * len(self._uses))


class Spent:
    """What was counted before the work. Where the work fails, or turns out to be none, it is given back."""

    def __init__(self, use: TokenUse, clock: Callable[[], float], trials: int, steps: int) -> None:
        self._use = use
        self._clock = clock
        self._trials, self._steps = trials, steps
        self._at = clock()
        use.spend(self._at, trials=trials, steps=steps)

    def give_back(self) -> None:
        """Nothing was taken in."""
        self._use.give_back(self._at, self._clock(), trials=self._trials, steps=self._steps)
        self._trials = self._steps = 0


def _setting(limit: str, value: float) -> Allowance:
    return Allowance(limit, value, "service")


def _rate(limit: str, value: float | None) -> AddressRate | None:
    return None if value is None else AddressRate(_setting(limit, value))
