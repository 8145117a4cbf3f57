"""How sure a measured share or correlation is."""

import math

import scipy  # Its stats, half a second to import, is loaded when first used.

_LEVEL = 0.9
_AT_LEVEL = 1.645


def share_between(some: int, of: int) -> tuple[float, float]:
    """The interval, at 90 %, of a share that was `some` of so many; by Wilson 1927."""
    interval = scipy.stats.binomtest(some, of).proportion_ci(_LEVEL, method="wilson")
    return float(interval.low), float(interval.high)


def correlation_between(found: float, pairs: int) -> tuple[float, float]:
    """The interval, at 90 %, of a rank correlation `found` on so many pairs, four at least.

    Fisher's transform with the variance of Bonett and Wright 2000.
    """
    middle = math.atanh(min(max(found, -0.999), 0.999))
    wide = _AT_LEVEL * math.sqrt((1 + found**2 / 2) / (pairs - 3))
    return math.tanh(middle - wide), math.tanh(middle + wide)
