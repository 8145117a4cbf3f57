"""An engine in memory: a test says what becomes of its workers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lrtune.trainers.launchers.demand import Demand
from lrtune.trainers.launchers.engine import Fault, Seen


@dataclass
class FakeEngine:
    """Workers run from their start until a test ends them, or the fleet does."""

    look_every_seconds: float = 0.0
    grace_seconds: float = 0.0
    workers: dict[str, Seen] = field(default_factory=dict)
    started: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    slow: bool = False
    """Whether workers that are told to end go on for now."""

    def start(self, names: Sequence[str]) -> None:
        for name in names:
            assert name not in self.workers, "two workers of one name"
            self.workers[name] = Seen("running", "here")
            self.started.append(name)

    def look(self) -> Mapping[str, Seen]:
        seen = dict(self.workers)
        self.workers = {name: one for name, one in seen.items() if one.state != "ended"}
        return seen

    def end(self, names: Sequence[str]) -> None:
        self.told += names
        for name in () if self.slow else names:
            self.ends(name)

    def close(self) -> None:
        self.end(list(self.workers))

    def kill(self) -> None:
        self.workers.clear()

    def ends(self, name: str, fault: Fault | None = None) -> None:
        """As a worker does."""
        self.workers[name] = Seen("ended", fault=fault)


@dataclass
class FakeDemands:
    """A study that wants what it is told to."""

    demand: Demand | None
    asked: int = 0

    def now(self) -> Demand | None:
        self.asked += 1
        return self.demand
