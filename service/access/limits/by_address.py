"""What is taken from one address. However many addresses there are, only so many are remembered."""

from collections import Counter, OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv6Address, IPv6Network

from lrtune.service.access.limits.allowed import Allowance, Metered, metered
from lrtune.service.access.limits.headers import Header, rate_limit_headers
from lrtune.service.access.limits.refusals import TooManyRequests

MOST_ADDRESSES = 10_000
"""Of those heard of last. Who is forgotten begins with what he may save up."""
_STREAM_SECONDS = 5.0
_WHOSE = "your address"


def sender_of(address: str | None) -> str:
    """Whom an address counts as: one of IPv4 as itself, one of IPv6 as its /64, of which one host may have any."""
    if address is None or ":" not in address:
        return address or ""
    try:
        parsed = IPv6Address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(IPv6Network((int(parsed) >> 64 << 64, 64)))


class AddressRate:
    """Requests a second of each address."""

    def __init__(self, allowed: Allowance, most: int = MOST_ADDRESSES) -> None:
        self._allowed = allowed
        self._most = most
        self._meters: OrderedDict[str, Metered] = OrderedDict()

    def __len__(self) -> int:
        """How many addresses are remembered."""
        return len(self._meters)

    def enter(self, sender: str, now: float) -> None:
        """Count a request. Raises TooManyRequests."""
        meter = self._meters.get(sender)
        if meter is None:
            if len(self._meters) >= self._most:
                self._meters.popitem(last=False)
            meter = self._meters[sender] = metered(self._allowed)
        else:
            self._meters.move_to_end(sender)
        wait = meter.bucket.take(now)
        if wait:
            raise _refused(self._allowed, wait, close=True)

    def headers(self, sender: str, now: float) -> list[Header]:
        """What is left, as it is told."""
        meter = self._meters.get(sender)
        return [] if meter is None else rate_limit_headers([meter], now)


class AddressStreams:
    """Streams that are open to each address."""

    def __init__(self, allowed: Allowance) -> None:
        self._allowed = allowed
        self._open: Counter[str] = Counter()

    @contextmanager
    def stream(self, sender: str) -> Iterator[None]:
        """One more is open for the length of the block. Raises TooManyRequests where too many are."""
        if self._open[sender] >= self._allowed.value:
            raise _refused(self._allowed, _STREAM_SECONDS)
        self._open[sender] += 1
        try:
            yield
        finally:
            self._open[sender] -= 1
            if not self._open[sender]:
                del self._open[sender]


def _refused(allowed: Allowance, wait: float, *, close: bool = False) -> TooManyRequests:
    return TooManyRequests(allowed.limit, allowed.words(_WHOSE), wait=wait, close=close, **allowed.members)
