"""Limits as they are told with every answer: the fields `RateLimit-Policy` and `RateLimit` of
draft-ietf-httpapi-ratelimit-headers, from its version 09 on.

Versions up to 06 had `RateLimit-Limit`, `-Remaining` and `-Reset` instead, which tell of one limit only.
"""

import math
from collections.abc import Iterable

from lrtune.service.access.limits.allowed import Metered

Header = tuple[bytes, bytes]


def rate_limit_headers(limits: Iterable[Metered], now: float) -> list[Header]:
    """What is allowed (`q` in `w` seconds), how much of that is left (`r`), and after how many seconds (`t`) all is."""
    policies, left = [], []
    for one in limits:
        name = one.policy.partition(";")[0]
        policies.append(one.policy)
        left.append(f"{name};r={one.bucket.left(now)};t={math.ceil(one.bucket.full_in_seconds(now))}")
    if not policies:
        return []
    return [(b"ratelimit-policy", ", ".join(policies).encode()), (b"ratelimit", ", ".join(left).encode())]
