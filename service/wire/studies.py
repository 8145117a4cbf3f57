"""Studies on the wire: their specification, their status, the suggestion."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, field_validator, model_validator
from pydantic_core import PydanticCustomError

from lrtune.service.sentences.words import measured
from lrtune.service.wire.as_text import suggestion_text
from lrtune.service.wire.base import (
    FIXED_FIELD,
    RESERVED_NAME,
    WHOLE,
    Body,
    Finite,
    Interval,
    Loss,
    Page,
    ParameterInterval,
    ParameterValue,
    Reply,
    Storable,
    StudyName,
    Time,
    check_study_name,
)
from lrtune.service.wire.bounded import Bounded
from lrtune.service.wire.cards import suggestion_card
from lrtune.service.wire.methods import AutoPruner, AutoSampler, Pruner, Sampler
from lrtune.service.wire.priors import Prior
from lrtune.service.wire.search_space import Parameter, SearchSpace, check_size, default_search_space

Text = Annotated[Storable, StringConstraints(max_length=4000)]
Tag = Annotated[Storable, StringConstraints(min_length=1, max_length=200)]
Budget = Annotated[int, Field(ge=1, le=10**9), WHOLE]
ShortTrainings = Literal["auto", "none"]
StudyState = Literal["running", "paused", "finished"]

Direction = Literal["minimize", "maximize"]
"""Of a study's metric."""


class StudySpec(Body):
    """What a study is: what it searches, how, and within what budget."""

    name: StudyName
    direction: Direction = "minimize"
    metric: Annotated[Storable, StringConstraints(min_length=1, max_length=200)] = "loss"
    search_space: SearchSpace = Field(default_factory=default_search_space)
    sampler: Sampler = Field(default_factory=AutoSampler)
    pruner: Pruner = Field(default_factory=AutoPruner)
    max_trials: Budget | None = None
    """Trials at the most, exactly; null for no limit."""
    max_total_steps: Budget | None = None
    """Training steps over all trials; null for no limit. Needs `max_steps`."""
    max_steps: Budget | None = None
    """The length of a full training in steps (epochs, or whatever the trainer reports by)."""
    lease_ttl_seconds: Annotated[float, Field(ge=1, le=86_400, allow_inf_nan=False, strict=False)] = 60.0
    max_attempts: Annotated[int, Field(ge=1, le=100), WHOLE] = 3
    tags: Annotated[dict[Tag, Tag], Bounded(50)] = Field(default_factory=dict)
    prior: Prior = "auto"
    """What is taken to be known of the learning rate beforehand."""
    short_trainings: ShortTrainings = "auto"
    """Whether trainers that anneal are asked for short trainings first, where the learning rate is all that is
    searched."""
    replicates: Annotated[int, Field(ge=0, le=20), WHOLE] = 0
    """How often each of the best configurations is trained again at the end, within `max_trials`; 0: not at all."""
    failed_counts: bool = False
    """Whether a trial that failed has spent its place of `max_trials`; else another takes it. Its steps are spent."""
    description: Text = ""

    @property
    def measured(self) -> str:
        """What its values are called in sentences, tables and pictures: the metric, as a rule."""
        return measured(self.metric, self.direction)

    @model_validator(mode="after")
    def _budgets(self) -> Self:
        if self.max_total_steps is not None:
            if self.max_steps is None:
                raise ValueError("max_total_steps needs max_steps, the length of one full training")
            if self.max_total_steps < self.max_steps:
                raise ValueError(
                    f"max_total_steps must be at least max_steps ({self.max_steps}), or no trial can start"
                )
        if self.replicates and (self.max_trials is None or self.max_trials < 2 * self.replicates):
            raise ValueError(f"replicates needs max_trials, and of {2 * self.replicates} at least")
        return self


class NewStudy(StudySpec):
    """The body of `POST /v1/studies`."""

    name: Annotated[StudyName, Field(json_schema_extra={"not": {"pattern": f"^{RESERVED_NAME}"}})]
    if_exists: Literal["fail", "load"] = "fail"
    """`load`: answer the existing study of this name where its spec is the same."""

    @field_validator("name")
    @classmethod
    def _not_reserved(cls, name: str) -> str:
        check_study_name(name)
        return name

    @model_validator(mode="after")
    def _size(self) -> Self:
        check_size(self.search_space)
        return self


class StudyPatch(Body):
    """The body of `PATCH /v1/studies/{study}`: what is left out stays as it is."""

    max_trials: Budget | None = None
    max_total_steps: Budget | None = None
    paused: bool = False
    """A paused study hands out no trial; running ones go on."""
    stopped: bool = False
    """A stopped study is finished: its running trials are told to stop at their next report."""
    prior: Prior = "auto"
    """Takes the place of the study's prior, for trials drawn from now on."""
    short_trainings: ShortTrainings = "auto"
    """`none`: no further trial is short; `auto`: as before."""
    description: Text = ""

    @model_validator(mode="before")
    @classmethod
    def _fixed(cls, given: Any) -> Any:
        """Fields of a study that no patch has exist, and say so."""
        fixed = StudySpec.model_fields.keys() - cls.model_fields.keys()
        for name in given if isinstance(given, dict) else ():
            if name in fixed:
                raise PydanticCustomError(FIXED_FIELD, "cannot be changed: create another study", {"field": name})
        return given


class Study(Reply):
    """A study as the service holds it."""

    name: str
    direction: Direction
    metric: str
    search_space: dict[str, Parameter]
    sampler: Sampler
    pruner: Pruner
    max_trials: int | None
    max_total_steps: int | None
    max_steps: int | None
    lease_ttl_seconds: float
    max_attempts: int
    tags: dict[str, str]
    prior: Prior = "auto"
    short_trainings: ShortTrainings = "auto"
    replicates: int = 0
    failed_counts: bool = False
    description: str
    paused: bool
    stopped: bool
    state: StudyState
    trials: int
    created_at: Time
    id: str | None = None
    """Drawn at random with the study, and anew where it is imported or restored: a copy has another one. Null in lists
    of a study that an older version made, or that was adopted or restored, until it is first used."""
    warnings: list[str] = Field(default_factory=list)
    """What is said against the search space, with the remedy: a learning rate on a linear scale, say."""

    @property
    def measured(self) -> str:
        """As of its specification."""
        return measured(self.metric, self.direction)


class UnreadableStudy(Reply):
    """A study that this service cannot read from its database."""

    name: str
    detail: str
    """Why, in a short line."""


class StudyPage(Page[Study]):
    """A page of studies, by name."""

    unreadable: list[UnreadableStudy] = Field(default_factory=list)
    """The studies among them that cannot be read: every call about one is answered 409 `study-unreadable`, but for
    DELETE. The others are as ever."""


class TrialCounts(Reply):
    """Trials by outcome."""

    running: int = 0
    complete: int = 0
    pruned: int = 0
    diverged: int = 0
    failed: int = 0
    waiting: int = 0


class StepCounts(Reply):
    """Training steps over all trials."""

    trained: int = 0
    saved_by_pruning: int = 0
    spent_on_divergence: int = 0


class BestTrial(Reply):
    """The best complete trial."""

    trial: int
    value: Loss
    standard_error: Finite | None = None
    """Of the value, where the trainer told it."""
    params: dict[str, ParameterValue]


class Suggestion(Reply):
    """What to train with, on all that is known so far."""

    learning_rate: Finite | None
    """Null only where the search space has no learning rate."""
    interval: Interval | None
    best_learning_rate: Finite | None = None
    """Of the best complete trial, whose luck the suggested one does not rest on; null without one."""
    max_stable_learning_rate: Finite | None
    """Where trainings begin to diverge, for choices like those of `params`; while none has trained, the lowest rate
    that diverged. Null until one has, and where others trained beyond it."""
    params: dict[str, ParameterValue]
    intervals: dict[str, ParameterInterval | None] = Field(default_factory=dict)
    """Where no learning rate is searched: near-best values of each number, at 80 %, the others as in `params`; null
    where they are not clear."""
    expected_value: Loss | None
    basis: Literal["posterior", "best_trial", "unfinished", "range_test", "prior"]
    trials: int
    """Finished trials the answer rests on."""
    explanation: str
    warnings: list[str] = Field(default_factory=list)
    """What to do about it, in sentences: widen a bound at which the best lies, say."""

    def __str__(self) -> str:
        return suggestion_text(self)

    def _repr_html_(self) -> str:
        """For notebooks; asks nobody."""
        return suggestion_card(self)


class StudyStatus(Reply):
    """What a dashboard polls."""

    study: str
    version: int
    """Grows with every change of the study; `?after=` takes it."""
    state: StudyState
    explanation: str = ""
    """What state that is, and why no trial is handed out, in a sentence or two."""
    halted: str | None = None
    """Why no trial is handed out, where that is since trials keep failing alike; `paused: false` lets them be tried
    again."""
    trials: TrialCounts
    best: BestTrial | None
    suggestion: Suggestion
    workers: int
    steps: StepCounts
    short_trainings: int = 0
    """Of the complete trials, those that were asked to be shorter than `max_steps`: never the best."""
    updated_at: Time
