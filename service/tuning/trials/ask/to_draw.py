"""What an ask has to draw: a type per case. Each draws on its snapshot, in any thread."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lrtune.service.storage.memory.study import TrialMirror
from lrtune.service.tuning.fidelity.pausing import Promotion
from lrtune.service.tuning.sampling import draw
from lrtune.service.tuning.sampling.drawn import LadderWaits, NotChosen, NothingEarned, Point
from lrtune.service.tuning.state.snapshot import Snapshot
from lrtune.service.wire.studies import StudySpec


@dataclass(frozen=True)
class WaitingTrial:
    """A waiting trial, with what is `fixed` of its parameters."""

    snapshot: Snapshot
    trial: TrialMirror
    fixed: Mapping[str, Any]

    def draws_at_once(self, spec: StudySpec) -> bool:
        """Whether drawing takes microseconds."""
        return draw.draws_at_once(spec, self.snapshot)

    def draw(self, spec: StudySpec) -> Point:
        """The parameters."""
        return draw.draw_or_random(spec, self.snapshot, self.trial.number, self.trial.trial_id, self.fixed)

    def draw_instead(self, spec: StudySpec, why: str) -> Point:
        """At once and at random, since the sampler cannot draw: `why`."""
        return draw.draw_instead(spec, self.snapshot, self.trial.number, self.trial.trial_id, self.fixed, why)


@dataclass(frozen=True)
class NewTrial:
    """A new trial."""

    snapshot: Snapshot
    number: int
    trial_id: int

    def draws_at_once(self, spec: StudySpec) -> bool:
        """Whether drawing takes microseconds."""
        return draw.draws_at_once(spec, self.snapshot)

    def draw(self, spec: StudySpec) -> Point:
        """The parameters."""
        return draw.draw_or_random(spec, self.snapshot, self.number, self.trial_id)

    def draw_instead(self, spec: StudySpec, why: str) -> Point:
        """At once and at random, since the sampler cannot draw: `why`."""
        return draw.draw_instead(spec, self.snapshot, self.number, self.trial_id, None, why)


@dataclass(frozen=True)
class LadderOrNew:
    """The ladder's next training, or a new trial where the ladder is over. `ladder` is what the ladder is shown."""

    ladder: Snapshot
    snapshot: Snapshot
    number: int
    trial_id: int

    def draws_at_once(self, spec: StudySpec) -> bool:
        """It takes some milliseconds."""
        return False

    def draw(self, spec: StudySpec) -> Point | LadderWaits:
        """The parameters, or that the ladder waits."""
        return draw.climb_or_draw(spec, self.ladder, self.snapshot, self.number, self.trial_id)

    def draw_instead(self, spec: StudySpec, why: str) -> Point:
        """At once and at random, since the sampler cannot draw: `why`."""
        return draw.draw_instead(spec, self.snapshot, self.number, self.trial_id, None, why)


@dataclass(frozen=True)
class PausedOrNew:
    """A paused trial that goes on, or a new one; with `insists` a paused one, if there is one."""

    snapshot: Snapshot
    number: int
    trial_id: int
    insists: bool

    def draws_at_once(self, spec: StudySpec) -> bool:
        """It takes some 20 milliseconds."""
        return False

    def draw(self, spec: StudySpec) -> Promotion | Point:
        """The paused trial that goes on, or the parameters of the new one."""
        return draw.promote_or_draw(spec, self.snapshot, self.number, self.trial_id, insists=self.insists)

    def draw_instead(self, spec: StudySpec, why: str) -> Point:
        """At once and at random, since the sampler cannot draw: `why`."""
        return draw.draw_instead(spec, self.snapshot, self.number, self.trial_id, None, why)


@dataclass(frozen=True)
class PausedOnly:
    """A paused trial that goes on, where no new one may be begun."""

    snapshot: Snapshot
    number: int
    """Of the trial that would be next."""
    insists: bool
    others_train: bool
    """Whether trials were on lease when the snapshot was taken."""

    def draws_at_once(self, spec: StudySpec) -> bool:
        """It takes some 20 milliseconds."""
        return False

    def draw(self, spec: StudySpec) -> Promotion | NothingEarned:
        """The paused trial that goes on, if one has earned it."""
        return draw.promote_or_none(spec, self.snapshot, self.number, insists=self.insists)

    def draw_instead(self, spec: StudySpec, why: str) -> NotChosen:
        """Nothing: no trial may be begun."""
        return NotChosen()


ToDraw = WaitingTrial | NewTrial | LadderOrNew | PausedOrNew | PausedOnly
