"""A clock that goes when it is told to."""


class Clock:
    """Seconds since the epoch, moved by hand. The service reads it from other threads."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds
