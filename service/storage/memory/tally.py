"""What a study's trials come to, counted as they change: budgets and status ask for it all the time."""

from collections import Counter
from dataclasses import dataclass, field

from lrtune.service.storage.memory.trial import TrialMirror
from lrtune.service.storage.schema.attributes import AGAIN_ATTR


@dataclass(slots=True)
class Tally:
    """Counts over a study's trials, kept up to date with each change."""

    outcomes: Counter[str] = field(default_factory=Counter)
    spent_trials: int = 0
    """Trials that took a place of `max_trials`: all but those recorded from elsewhere."""
    failed_trials: int = 0
    """Of those, the ones that failed: their places are free again, unless the study has `failed_counts`."""
    trained: int = 0
    saved_by_pruning: int = 0
    spent_on_divergence: int = 0
    reserved: int = 0
    """Steps that running trials may still train."""
    awaited: int = 0
    """Steps that waiting trials have to train to their ends; paused ones have none until they are promoted."""
    reached: Counter[str] = field(default_factory=Counter)
    """Steps on the curves of trials, by outcome: with `lost` they are what was `trained`."""
    lost: int = 0
    """Steps of lost attempts, past the checkpoint their successor went on from."""

    def add(self, trial: TrialMirror, sign: int = 1) -> None:
        """Count a trial in, or out with sign -1."""
        outcome = trial.outcome
        self.outcomes[outcome] += sign
        work = trial.work
        if work is None:
            return
        self.spent_trials += sign
        if outcome == "failed":
            self.failed_trials += sign
        self.trained += sign * trial.trained_steps
        self.reached[outcome] += sign * trial.reached
        self.lost += sign * work.lost_steps
        last, max_steps = trial.last_step or 0, work.max_steps
        if AGAIN_ATTR in trial.system_attrs and outcome != "failed":
            self.saved_by_pruning -= sign * (max_steps or 0)  # What stopping the one it trains again had saved.
        if outcome == "pruned" and max_steps is not None:
            self.saved_by_pruning += sign * max(0, max_steps - last)
        elif outcome == "diverged":
            self.spent_on_divergence += sign * last
        elif outcome == "running" and max_steps is not None:
            self.reserved += sign * max(0, max_steps - trial.reached)
        elif outcome == "waiting" and not trial.paused:
            self.awaited += sign * trial.steps_left

    def advance(self, trial: TrialMirror, before: int, now: int) -> None:
        """Count the steps by which a running trial went on, having reached `before` and now `now`."""
        work = trial.work
        if work is None:
            return
        self.trained += now - before
        self.reached[trial.outcome] += now - before
        if work.max_steps is not None:
            self.reserved += max(0, work.max_steps - now) - max(0, work.max_steps - before)
