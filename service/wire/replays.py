"""Replays on the wire: what `auto` would have made of trials that are over."""

from lrtune.service.wire.base import Page, Reply
from lrtune.service.wire.trials import TrialState


class Replay(Reply):
    """Where the pruner `auto` would have stopped a trial, judged against all other trials there are now."""

    trial: int
    state: TrialState
    """How the trial ended."""
    step: int | None
    """The last step it reported."""
    stopped_at: int | None
    """The step at which `auto` would have stopped it; null where it would have trained to its end."""
    saved_steps: int
    """How many steps that would have saved."""
    explanation: str


class ReplayPage(Page[Replay]):
    """A page of replays, by trial."""
