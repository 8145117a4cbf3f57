"""What is allowed to whom: a token's own limits, and those of the service for what a token leaves open."""

from dataclasses import dataclass, field
from typing import Any

from lrtune.service.access.limits.bucket import Bucket
from lrtune.service.access.limits.refusals import SetBy
from lrtune.service.wire.access.bodies import Limits

SAVED_SECONDS = 5.0
"""Who was silent may send what was allowed in so many seconds at once."""
HOUR = 3600.0
_WORDS = {
    "requests_per_second": "{} requests a second",
    "asks_per_second": "{} asks a second",
    "trials_per_hour": "{} trials an hour",
    "steps_per_hour": "{} steps an hour",
    "studies": "{} studies at a time",
    "streams": "{} long polls, event streams and exports open at a time",
    "body_bytes": "bodies of {} bytes",
    "address_requests_per_second": "{} requests a second",
    "address_streams": "{} long polls, event streams and exports open at a time",
    "stranger_requests_per_second": "{} requests a second without a token",
}
LIMITS = tuple(_WORDS)
"""Their names."""


@dataclass(frozen=True, slots=True)
class ServiceLimits:
    """What the service allows by its settings; None where it allows as much as there is."""

    by_token: Limits = field(default_factory=Limits)
    """Of each token that has no limit of its own."""
    address_requests_per_second: float | None = None
    """From one address, whoever sends them."""
    address_streams: int | None = None
    stranger_requests_per_second: float | None = None
    """From one address, without a token that holds."""
    most_waiting: int = 1024
    """Requests with wrong tokens that wait for their answer at a time."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """One limit as it holds for somebody."""

    limit: str
    value: float
    set_by: SetBy

    def words(self, whose: str) -> str:
        """What is allowed to whom, and who says so."""
        what = _WORDS[self.limit].format(f"{self.value:,.10g}")
        if self.set_by == "token":
            return f"{whose} may have {what} ({self.limit}, a limit of the token itself)"
        return f"{whose} may have {what} (LRTUNE_LIMIT_{self.limit.upper()}, where the service is started)"

    @property
    def members(self) -> dict[str, Any]:
        """The same for programs."""
        return {"allowed": self.value, "set_by": self.set_by}


@dataclass(frozen=True, slots=True)
class Metered:
    """A limit by time, and the bucket that counts it."""

    allowed: Allowance
    bucket: Bucket
    policy: str
    """As `RateLimit-Policy` has it."""


def allowances(own: Limits, of_service: Limits) -> dict[str, Allowance]:
    """The limits that hold for a token, by name."""
    found: dict[str, Allowance] = {}
    for name in Limits.model_fields:
        for limits, set_by in ((own, "token"), (of_service, "service")):
            value = getattr(limits, name)
            if value is not None:
                found[name] = Allowance(name, value, set_by)  # type: ignore[arg-type]
                break
    return found


def metered(allowed: Allowance) -> Metered:
    """A bucket for a limit `…_per_second` or `…_per_hour`; it is full at first."""
    hourly = allowed.limit.endswith("_per_hour")
    per_second = allowed.value / HOUR if hourly else allowed.value
    size = int(allowed.value) if hourly else max(1, int(allowed.value * SAVED_SECONDS))
    window = max(1, round(size / per_second))
    name = allowed.limit.rpartition("_per_")[0].replace("_", "-")
    return Metered(allowed, Bucket(per_second, size), f'"{name}";q={size};w={window}')
