"""What one token takes of the service."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from lrtune.service.access.limits.allowed import Allowance, allowances, metered
from lrtune.service.access.limits.headers import Header, rate_limit_headers
from lrtune.service.access.limits.refusals import BodyTooLarge, TooManyRequests, TooManyStudies
from lrtune.service.wire.access.bodies import Limits

_WHOSE = "this token"
_STREAM_SECONDS = 5.0
"""Nobody knows when a stream ends; a long poll takes some seconds."""


class TokenUse:
    """The counters of one token in one process. Where it has no limits at all, `limited` is False."""

    def __init__(self, given: Limits, of_service: Limits) -> None:
        found = allowances(given, of_service)
        self.given = given
        """The token's own limits."""
        self.limited = bool(found)
        self.seen_at = 0.0
        self.creating = asyncio.Lock()
        """Who creates a study holds it, from the count to the commit."""
        self._meters = {name: metered(one) for name, one in found.items() if "_per_" in name}
        self._streams = found.get("streams")
        self._studies = found.get("studies")
        self._body_bytes = found.get("body_bytes")
        self._open = 0

    def enter(self, now: float, *, ask: bool) -> None:
        """Count a request. Raises TooManyRequests; then it does not count."""
        self.seen_at = now
        names = ("asks_per_second", "requests_per_second") if ask else ("requests_per_second",)
        self._take(now, dict.fromkeys(names, 1))

    def spend(self, now: float, *, trials: int = 0, steps: int = 0) -> None:
        """Count trials and steps before they are taken in: all of them, or none. Raises TooManyRequests, and
        BodyTooLarge where they would be too many at any time."""
        self._take(now, {"trials_per_hour": trials, "steps_per_hour": steps})

    def give_back(self, taken_at: float, now: float, *, trials: int = 0, steps: int = 0) -> None:
        """What was counted, and not taken in after all."""
        for name, amount in (("trials_per_hour", trials), ("steps_per_hour", steps)):
            if name in self._meters and amount:
                self._meters[name].bucket.give_back(amount, taken_at, now)

    def _take(self, now: float, wanted: dict[str, int]) -> None:
        found = [(self._meters[name], amount) for name, amount in wanted.items() if amount and name in self._meters]
        for meter, amount in found:
            wait = meter.bucket.wait_seconds(now, amount)
            if amount > meter.bucket.size:
                told = f"{meter.allowed.words(_WHOSE)}, and here are {amount:,} at once; send fewer"
                raise BodyTooLarge(meter.allowed.limit, told, **meter.allowed.members)
            if wait:
                raise _refused(meter.allowed, wait)
        for meter, amount in found:
            meter.bucket.take(now, amount)

    @contextmanager
    def stream(self) -> Iterator[None]:
        """One more is open for the length of the block. Raises TooManyRequests where too many are."""
        streams = self._streams
        if streams is not None and self._open >= streams.value:
            raise _refused(streams, _STREAM_SECONDS)
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1

    def check_studies(self, existing: int) -> None:
        """Whether one more may be created, where so many of its studies exist. Raises TooManyStudies."""
        allowed = self._studies
        if allowed is not None and existing >= allowed.value:
            told = f"{allowed.words(_WHOSE)}, and {existing:,} that it created exist; delete one of them"
            raise TooManyStudies("studies", told, **allowed.members)

    @property
    def counts_studies(self) -> bool:
        """Whether there is a limit of studies."""
        return self._studies is not None

    @property
    def most_body_bytes(self) -> int | None:
        """None where there is no limit of its own."""
        return None if self._body_bytes is None else int(self._body_bytes.value)

    def too_large(self) -> BodyTooLarge:
        """What is told of a body beyond `most_body_bytes`."""
        allowed = self._body_bytes
        assert allowed is not None
        return BodyTooLarge("body_bytes", f"{allowed.words(_WHOSE)}; send less at once", **allowed.members)

    def headers(self, now: float) -> list[Header]:
        """What is left, as it is told."""
        return rate_limit_headers(self._meters.values(), now)

    def is_idle(self, now: float) -> bool:
        """Whether nothing would change if it were forgotten."""
        full = all(one.bucket.left(now) == one.bucket.size for one in self._meters.values())
        return full and not self._open and not self.creating.locked()


def _refused(allowed: Allowance, wait: float) -> TooManyRequests:
    return TooManyRequests(allowed.limit, allowed.words(_WHOSE), wait=wait, **allowed.members)
