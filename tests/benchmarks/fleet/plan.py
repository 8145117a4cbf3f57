"""How large the fleet is, what it trains, and what happens to it."""

from dataclasses import dataclass
from typing import Any

MAIN = "fleet"
"""The study that all ask first, and that takes whoever finds his own finished."""


@dataclass(frozen=True)
class Plan:
    """One run."""

    workers: int = 1_000
    seconds: float = 300.0
    """From the first ask to the word that all stop."""
    processes: int = 3
    """That simulate the workers."""
    step_seconds: float = 1.0
    """A training reports a step so often, give or take a fifth."""
    max_steps: int = 120
    kills_per_minute: float = 0.02
    """What share of the workers is killed."""
    cut_share: float = 0.01
    """Of the requests, so many lose their reply after the service has acted."""
    checkpoint_every: int = 5
    """Steps from one checkpoint to the next."""
    lease_ttl_seconds: float = 15.0
    clock_offsets: tuple[float, float] = (-40.0, 75.0)
    """By how many seconds the wall clocks of the two services are wrong."""
    kill_at: float = 0.2
    """Share of the time after which the writer is killed."""
    drain_at: float = 0.4
    """And after which the writer of then is told to end."""
    judges: bool = True
    """Whether figures are judged, beside invariants."""

    def studies(self) -> list[dict[str, Any]]:
        """The specs of the studies: one without a budget, and one for each sampler and budget that asks differ by."""
        rate = {"type": "float", "low": 1e-5, "high": 1.0, "log": True}
        more = {
            "learning_rate": rate,
            "weight_decay": {"type": "float", "low": 1e-6, "high": 1e-1, "log": True},
            "batch_size": {"type": "categorical", "choices": [32, 64, 128]},
        }
        common = {"max_steps": self.max_steps, "lease_ttl_seconds": self.lease_ttl_seconds, "max_attempts": 10}
        trials = max(8, int(self.workers * self.seconds / self.max_steps / 20))
        steps = max(3 * self.max_steps, int(self.workers * self.seconds / self.step_seconds / 20))
        return [
            common | {"name": MAIN, "search_space": {"learning_rate": rate}},
            common | {"name": "fleet-several", "search_space": more},
            common | {"name": "fleet-trials", "sampler": {"name": "random"}, "max_trials": trials},
            common | {"name": "fleet-steps", "sampler": {"name": "tpe"}, "max_total_steps": steps},
        ]

    def home(self, worker: int) -> str:
        """The study that a worker trains for after its first trial, until that is finished."""
        names = (MAIN, "fleet-several", MAIN, "fleet-trials", MAIN, MAIN, "fleet-several", MAIN, "fleet-steps", MAIN)
        return names[worker % len(names)]

    def resumable(self, worker: int) -> bool:
        """Whether a worker's trainer can be paused: those of one study, and a tenth of all."""
        return worker % 5 == 1 or worker % 10 == 8


QUICK = Plan(
    workers=30,
    seconds=9.0,
    processes=2,
    step_seconds=0.15,
    max_steps=12,
    kills_per_minute=0.8,
    cut_share=0.05,
    lease_ttl_seconds=2.0,
    judges=False,
)
