"""What is played: one kind of hostile or unlucky client, and what came of it."""

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.benchmarks.abuse.stage import Stage

LONGEST_WAIT_SECONDS = 0.25
"""Of an honest heartbeat, whatever a stranger sends."""


@dataclass(frozen=True)
class Scenario:
    """`play` does it, and tells in a few words what the stranger got; it raises Missed where that is wrong."""

    heading: str
    name: str
    play: Callable[[Stage], str]
    kinds: tuple[str, ...] = ("sqlite", "postgresql")
    judged: bool = True
    """Whether heartbeats have to be answered within LONGEST_WAIT_SECONDS: not where the whole service is stopped."""


@dataclass(frozen=True)
class Row:
    """A scenario's outcome. Times in seconds."""

    storage: str
    heading: str
    scenario: str
    told: str
    heartbeats: int
    typical: float
    late: float
    """The 99th percentile."""
    longest: float
    calm: float
    """The longest wait of the same workers with nobody else there."""
    lost: int
    refused: int
    judged: bool
    wrong: list[str] = field(default_factory=list)

    @property
    def held(self) -> bool:
        """Whether nothing was lost or wrong and, where that is judged, nobody waited too long."""
        fast = not self.judged or self.longest <= max(LONGEST_WAIT_SECONDS, 2 * self.calm)
        return fast and not self.lost and not self.wrong
