"""A token bucket: so much at once, so much a second in the long run."""

import math

_ROUNDING = 1e-9
"""Of what is missing, so much is what floats lose."""


class Bucket:
    """Holds `size` when it is full, fills by `per_second`. Within t seconds at most `size + per_second · t` is taken.

    The caller passes the time in, seconds of any clock that goes forward. Where that stands still nothing comes back;
    where it jumps back the bucket fills on from there, so that nobody is locked out until it has caught up.
    """

    __slots__ = ("_at", "_held", "per_second", "size")

    def __init__(self, per_second: float, size: int) -> None:
        self.per_second = per_second
        self.size = size
        self._held = float(size)
        self._at = -math.inf

    def wait_seconds(self, now: float, amount: int = 1) -> float:
        """How long until `amount` can be taken: 0.0 where it can be now, infinite where the bucket is too small."""
        if amount > self.size:
            return math.inf
        missing = amount - self._fill(now)
        return missing / self.per_second if missing > _ROUNDING else 0.0

    def take(self, now: float, amount: int = 1) -> float:
        """Take `amount` where it is there, and return 0.0; else take nothing, and return `wait_seconds`."""
        wait = self.wait_seconds(now, amount)
        if not wait:
            self._held -= amount
        return wait

    def give_back(self, amount: int, taken_at: float, now: float) -> None:
        """Put back what was taken and not used. What has filled since then may have gone over the rim, had it not been
        taken: that much is kept."""
        unfilled = amount - max(0.0, now - taken_at) * self.per_second
        self._held = min(float(self.size), self._fill(now) + max(0.0, unfilled))

    def left(self, now: float) -> int:
        """What can be taken now."""
        return max(0, math.floor(self._fill(now) + _ROUNDING))

    def full_in_seconds(self, now: float) -> float:
        """How long until it is full, if nothing is taken."""
        return (self.size - self._fill(now)) / self.per_second

    def _fill(self, now: float) -> float:
        gone, self._at = now - self._at, now
        if gone > 0:
            self._held = min(float(self.size), self._held + gone * self.per_second)
        return self._held
