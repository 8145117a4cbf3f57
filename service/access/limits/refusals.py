"""What is told to whom a limit turns away.

Refused            nothing of the request was done
├── TooManyRequests    429: as much as is allowed is taken; wait
├── BodyTooLarge       413: more at once than will ever be taken
└── TooManyStudies     409: waiting does not help, deleting does
"""

import math
from typing import Any, Literal

SetBy = Literal["token", "service"]
MOST_SECONDS = 86_400
"""A longer wait is told as this."""


class Refused(Exception):
    """A limit turns this away, and nothing of it was done. `limit` is its name, for counts: that of a field of
    `Limits`, of a setting without `limit_`, or `wrong_tokens`. `more` are members of the answer beside the usual ones,
    `headers` its headers."""

    def __init__(self, limit: str, detail: str, **more: Any) -> None:
        super().__init__(detail)
        self.limit = limit
        self.more: dict[str, Any] = {"limit": limit, **more}
        self.headers: dict[str, str] = {}


class TooManyRequests(Refused):
    """As much as is allowed is taken. `wait` says for how many seconds, `close` whether the connection is closed."""

    def __init__(self, limit: str, detail: str, *, wait: float, close: bool = False, **more: Any) -> None:
        seconds = max(1, math.ceil(min(wait, MOST_SECONDS)))
        super().__init__(limit, f"{detail}; try again in {seconds} s", **more, retry_after_seconds=seconds)
        self.headers = {"Retry-After": str(seconds)} | ({"Connection": "close"} if close else {})


class BodyTooLarge(Refused):
    """More at once than will ever be taken."""


class TooManyStudies(Refused):
    """Waiting does not help, deleting does."""
