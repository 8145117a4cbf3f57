"""What `GET /v1/studies/{study}/events` and `GET /v1/events` tell, as the data of server-sent events."""

from pydantic import Field

from lrtune.service.wire.base import Finite, Loss, ParameterValue, Reply, Time
from lrtune.service.wire.studies import BestTrial, StepCounts, StudyState, TrialCounts
from lrtune.service.wire.trials import TrialState


class ChangedTrial(Reply):
    """A trial that changed, as it is now."""

    number: int
    state: TrialState
    attempt: int
    worker: str | None
    step: int | None
    """The last step reported: what was told of later ones holds no longer, since the training went back."""
    value: Loss | None
    params: dict[str, ParameterValue] | None = None
    """What it trains with, where the trial is new or was begun."""
    reports: list[tuple[int, Loss]] = Field(default_factory=list)
    """(step, value) by step, reported since the last event; where they are many, the extremes among them."""


class ChangedSuggestion(Reply):
    """A suggestion without what may be long: the values of other parameters, and warnings."""

    learning_rate: Finite | None
    interval: tuple[Finite, Finite] | None
    best_learning_rate: Finite | None
    max_stable_learning_rate: Finite | None
    expected_value: Loss | None
    basis: str
    trials: int
    explanation: str


class StudyChange(Reply):
    """What is new of a study since the last event. Of the fields of its status, those that changed: see
    `model_fields_set`."""

    version: int
    state: StudyState | None = None
    explanation: str | None = None
    halted: str | None = None
    trials: TrialCounts | None = None
    best: BestTrial | None = None
    suggestion: ChangedSuggestion | None = None
    workers: int | None = None
    steps: StepCounts | None = None
    short_trainings: int | None = None
    updated_at: Time | None = None
    changed: list[ChangedTrial] = Field(default_factory=list)
    """The trials that changed, the latest first."""
    more: int = 0
    """How many others changed as well: there are too many to be told one by one."""


class StudyGone(Reply):
    """The study was deleted."""

    study: str


class StudyNews(Reply):
    """A study that changed, in short; of one that was not in memory no more than the version."""

    study: str
    version: int
    state: StudyState | None = None
    trials: TrialCounts | None = None
    best: Loss | None = None
    """The best value."""
    learning_rate: Finite | None = None
    """The one that was suggested last; null where none was worked out lately."""
