"""What a run measures, and for how long."""

from dataclasses import dataclass, replace
from typing import Self


@dataclass(frozen=True)
class Plan:
    """The rows, databases and sizes of a run. Durations are of one side in one round."""

    rows: tuple[str, ...]
    kinds: tuple[str, ...] = ("sqlite", "postgresql")
    sizes: tuple[int, ...] = (100, 10_000, 100_000)
    rounds: int = 3
    stock_limit: int = 10_000
    """Above this many finished trials stock Optuna's workers are left out: each of the 8 keeps its own copy."""
    postgres_url: str | None = None
    pruner: str = "auto"
    """The same rule on all sides."""
    connections: int = 64
    workers: int = 8
    bursts: int = 3
    """A round of reports is this many bursts on the bare endpoint and on ours in turn. Between them trials are handed
    in and leased, which is not timed."""
    trials_per_connection: int = 8
    """Each connection reports the 10 steps of so many trials in a burst."""
    work_seconds: float = 5.0
    stock_seconds: float = 6.0
    status_seconds: float = 10.0
    pause_seconds: float = 60.0
    asks: int = 60
    short: bool = False

    @classmethod
    def quick(cls, rows: tuple[str, ...]) -> Self:
        """The short form, which shows that every row runs."""
        return cls(
            rows=rows,
            kinds=("sqlite",),
            sizes=(100, 300),
            rounds=1,
            bursts=1,
            trials_per_connection=1,
            work_seconds=0.7,
            stock_seconds=0.7,
            status_seconds=1.0,
            pause_seconds=3.0,
            asks=10,
            workers=2,
            short=True,
        )

    def changed(
        self, *, sizes: tuple[int, ...] | None, rounds: int | None, pruner: str, postgres_url: str | None
    ) -> Self:
        """The plan with what is given instead of its own."""
        sizes, rounds = sizes or self.sizes, rounds or self.rounds
        return replace(self, sizes=sizes, rounds=rounds, pruner=pruner, postgres_url=postgres_url)

    @property
    def rate_sizes(self) -> tuple[int, ...]:
        """The sizes that rates are measured at."""
        return self.sizes[:1] if self.short else self.sizes

    @property
    def smallest(self) -> int:
        """The smallest size."""
        return min(self.sizes)

    @property
    def largest(self) -> int:
        """The largest size."""
        return max(self.sizes)

    def near(self, wanted: int) -> int:
        """The size to judge at: `wanted` where it is measured, else the largest below it, else the smallest."""
        return max((size for size in self.sizes if size <= wanted), default=self.smallest)
