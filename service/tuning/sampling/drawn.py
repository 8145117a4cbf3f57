"""What comes of a drawing: a type per case, each with the fields of its case. `trials.ask.take` matches on them."""

from dataclasses import dataclass, field
from typing import Any

from optuna.distributions import BaseDistribution

from lrtune.service.storage.schema.attributes import DRAWN_ATTR, LADDER_ATTR, PAUSE_AT_ATTR, WHOLE_ATTR
from lrtune.service.tuning.fidelity.pausing import Promotion
from lrtune.service.tuning.state.staged_storage import Written


@dataclass(frozen=True)
class Fallback:
    """What drew a trial that should have been drawn otherwise, and why."""

    by: str
    reason: str


@dataclass(frozen=True)
class Point:
    """A trial's parameters, and what the sampler wants kept."""

    params: dict[str, Any]
    distributions: dict[str, BaseDistribution]
    written: Written
    fallback: Fallback | None = field(default=None, kw_only=True)

    @property
    def trial_attrs(self) -> dict[str, Any]:
        """The system attributes of a trial that is drawn so."""
        if self.fallback is None:
            return self.written.trial_attrs
        return {**self.written.trial_attrs, DRAWN_ATTR: {"by": self.fallback.by, "reason": self.fallback.reason}}


@dataclass(frozen=True)
class RepeatedPoint(Point):
    """A point that was there before: the sampler enumerates the space, and has nothing left."""


@dataclass(frozen=True)
class PausablePoint(Point):
    """A trial that is paused at the step `target`; with `whole` it trains to its end whatever its early ranks."""

    target: int
    whole: bool

    @property
    def trial_attrs(self) -> dict[str, Any]:
        attrs = {**super().trial_attrs, PAUSE_AT_ATTR: self.target}
        return {**attrs, WHOLE_ATTR: True} if self.whole else attrs


@dataclass(frozen=True)
class LadderPoint(Point):
    """The ladder's next training, of so many `steps`."""

    steps: int

    @property
    def trial_attrs(self) -> dict[str, Any]:
        return {**super().trial_attrs, LADDER_ATTR: self.steps}


@dataclass(frozen=True)
class LadderWaits:
    """There is nothing to draw until trainings of the ladder have ended."""


@dataclass(frozen=True)
class NothingEarned:
    """No new trial may be begun, and no paused one has earned more steps."""


@dataclass(frozen=True)
class NotChosen:
    """There was no time to choose a paused trial that goes on."""


Drawn = Point | Promotion | LadderWaits | NothingEarned | NotChosen
