"""What became of the time that a worker had a trial on lease, looked at once, when the lease ends.

The seconds of a lease are those from the moment at which it was handed out to its end; of one that ran out, to the last
time that its worker was heard of. A lease from before a restart counts from then on.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from lrtune.service.storage.memory.trial import TrialMirror

LostTo = Literal["divergence", "failure", "preemption"]


@dataclass(frozen=True, slots=True)
class Spent:
    """What one lease came to, in seconds of its worker."""

    seconds: float
    saved_seconds: float = 0.0
    """That a pruned trial would have gone on, at the pace of this lease."""
    lost_to: LostTo | None = None
    lost_seconds: float = 0.0


class WorkerTime:
    """Tells `on_spent` of leases that end. Under the engine's lock."""

    def __init__(self) -> None:
        self.on_spent: list[Callable[[Spent], None]] = []

    @contextlib.contextmanager
    def ending(self, trial: TrialMirror, until: float) -> Iterator[None]:
        """Within the block the lease of `trial` ends; its worker trained `until` then, by the clock of elapsed time."""
        work = trial.work
        since = None if work is None else work.leased_at
        begun_at_step = 0 if work is None else work.resumed_from or 0
        yield
        if since is not None and self.on_spent:
            spent = _spent(trial, max(0.0, until - since), begun_at_step)
            for tell in self.on_spent:
                tell(spent)


def _spent(trial: TrialMirror, seconds: float, begun_at_step: int) -> Spent:
    """100 s for 10 steps: a trial pruned at step 10 of 30 saved 200 s; one given back whose checkpoint is of step 8
    lost 20 s."""
    steps = trial.reached - begun_at_step
    match trial.outcome:
        case "diverged":
            return Spent(seconds, lost_to="divergence", lost_seconds=seconds)
        case "failed":
            return Spent(seconds, lost_to="failure", lost_seconds=seconds)
        case "pruned" if trial.work is not None and trial.work.max_steps is not None and steps > 0:
            return Spent(seconds, saved_seconds=max(0, trial.work.max_steps - trial.reached) * seconds / steps)
        case "waiting" if not trial.paused:
            kept = max(begun_at_step, (trial.work.checkpoint_step if trial.work else None) or 0)
            share = max(0, trial.reached - kept) / steps if steps > 0 else 1.0
            return Spent(seconds, lost_to="preemption", lost_seconds=share * seconds)
        case _:
            return Spent(seconds)
