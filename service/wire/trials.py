"""Trials on the wire: asking, leasing, reporting, finishing."""

from typing import Annotated, Any, Literal, Self
from uuid import uuid4

from pydantic import BeforeValidator, Field, RootModel, StringConstraints, model_validator

from lrtune.service.wire.base import (
    STORABLE,
    WHOLE,
    Body,
    Choice,
    Finite,
    Loss,
    Page,
    ParameterName,
    ParameterValue,
    Reply,
    Time,
    storable_part,
)
from lrtune.service.wire.bounded import Bounded
from lrtune.service.wire.cards import trial_card

Outcome = Literal["complete", "pruned", "diverged", "failed"]
TrialState = Literal["running", "waiting", "complete", "pruned", "diverged", "failed"]
Lease = Annotated[str, StringConstraints(min_length=1, max_length=200), STORABLE]
Step = Annotated[int, Field(ge=0, lt=2**31), WHOLE]
"""How many steps have been trained; 0 is before the first."""


RequestId = Annotated[str, StringConstraints(min_length=1, max_length=100), STORABLE]


def _new_request_id() -> str:
    return uuid4().hex


def _some_request_id(given: Any) -> Any:
    return _new_request_id() if given is None else given


class Ask(Body):
    """The body of `POST …/trials`: ask for a trial and lease it."""

    worker: Annotated[str, StringConstraints(min_length=1, max_length=200), STORABLE]
    """Who asks, for people to read: `host:pid`."""
    request_id: Annotated[RequestId, BeforeValidator(_some_request_id, json_schema_input_type=RequestId | None)] = (
        Field(default_factory=_new_request_id)
    )
    """The same id gets the same trial again: repeat it when a reply was lost. Where it is left out, a lost reply leaves
    its trial leased until the lease expires; then it is handed out as the next attempt."""
    anneals: bool = False
    """This trainer ends its schedule at the lease's own `max_steps`."""
    resumable: bool = False
    """This trainer can checkpoint, pause and go on later, on any worker."""


class Checkpoint(Body):
    """Where a training can go on from, and after which step."""

    uri: Annotated[str, StringConstraints(min_length=1, max_length=2000), STORABLE]
    step: Step


class LeasedTrial(Reply):
    """A trial to train, and the lease that every further call about it carries."""

    number: int
    attempt: int
    params: dict[str, ParameterValue]
    lease: str
    lease_ttl_seconds: float
    max_steps: int | None
    """The length of this training, which may be less than the study's `max_steps` for a trainer that anneals."""
    resume: Checkpoint | None


class NoTrial(Reply):
    """There is nothing to train: for good (`done`), or for `retry_after_seconds`."""

    done: bool
    reason: Literal["max_trials", "max_total_steps", "search_space_exhausted", "stopped"] | None = None
    explanation: str = ""
    """Why, in a sentence or two, where it is done."""
    halted: bool = False
    """With `stopped`: by the service, since the study's last trials all failed."""
    retry_after_seconds: float | None = None


class AskReply(RootModel[LeasedTrial | NoTrial]):
    """What an ask is answered: 201 with a lease, 200 with why there is none. Said together, since many generators of
    clients read one answer of a call."""


FEWEST_POINTS = 5
"""Of a thinned curve: the first and the last point, and of one bucket the least, the greatest and one not finite."""


class Report(Body):
    """The value after `step` steps."""

    step: Step
    value: Loss


class Reports(Body):
    """The body of `POST …/reports`. A report is known by (trial, attempt, step): a replay changes nothing."""

    lease: Lease
    reports: Annotated[list[Report], Field(min_length=1), Bounded(1000)]
    checkpoint: Checkpoint | None = None


class Heartbeat(Body):
    """The body of `POST …/heartbeat`."""

    lease: Lease


class Verdict(Reply):
    """Whether to go on."""

    verdict: Literal["continue", "pause", "stop"]
    reason: Literal["pruned", "diverged", "paused", "study_finished"] | None = None
    explanation: str = ""
    lease_ttl_seconds: float


ErrorText = Annotated[str, StringConstraints(max_length=20_000), BeforeValidator(storable_part)]
"""What went wrong. NUL and lone surrogates, which no database stores, are kept as U+FFFD."""


class Result(Body):
    """The body of `POST …/result`: the training is over."""

    lease: Lease
    state: Outcome
    value: Loss | None = None
    """The final value of a complete trial; where it is left out, the last reported one."""
    standard_error: Annotated[Finite, Field(ge=0)] | None = None
    """Of the value, where it is a mean: over the folds of a cross-validation, say."""
    error: ErrorText | None = None


class Release(Body):
    """The body of `POST …/release`: give the trial back unharmed, or say how its attempt was lost."""

    lease: Lease
    checkpoint: Checkpoint | None = None
    error: ErrorText | None = Field(default=None, exclude_if=lambda error: error is None)
    """How the attempt was lost, where it was: then it counts, and the trial is trained again as after an expired lease,
    up to `max_attempts` times."""


Params = Annotated[dict[ParameterName, Choice], Field(min_length=1), Bounded(200)]


class Enqueue(Body):
    """The body of `POST …/trials/enqueue`: a point to try next; what is left out is sampled."""

    params: Params
    request_id: RequestId | None = None
    """The same id gets the same trial again: repeat it when a reply was lost."""


class Record(Body):
    """The body of `POST …/trials/record`: a training done elsewhere."""

    params: Params
    state: Outcome = "complete"
    value: Loss | None = None
    reports: Annotated[list[Report], Bounded(100_000)] = Field(default_factory=list)
    request_id: RequestId | None = None
    """The same id gets the same trial again: repeat it when a reply was lost."""

    @model_validator(mode="after")
    def _some_value(self) -> Self:
        if self.state == "complete" and self.value is None and not self.reports:
            raise ValueError("a complete trial needs value, reports or both")
        return self


class Drawn(Reply):
    """What drew a trial."""

    by: str
    """A sampler's name."""
    reason: str
    """Why it was this one."""


class Trial(Reply):
    """A trial as the service holds it."""

    number: int
    state: TrialState
    params: dict[str, ParameterValue]
    value: Loss | None
    standard_error: Finite | None = None
    """Of the value, where the trainer told it."""
    attempt: int
    repeats: int | None = None
    """The trial whose training this one repeats, with another seed; null where it repeats none."""
    again: int | None = None
    """The trial, stopped before, that this one trains again from its start, since it leads now; else null."""
    drawn: Drawn | None = None
    """What drew it and why, where the study's sampler failed or took too long; else null."""
    worker: str | None
    step: int | None
    """The last step reported."""
    max_steps: int | None
    """The length of its training; less than the study's for a short one, whose value is not to be compared."""
    checkpoint: Checkpoint | None
    error: str | None
    explanation: str | None = None
    """Why it was stopped or paused, where it was."""
    started_at: Time | None
    finished_at: Time | None
    duration_seconds: float | None

    def _repr_html_(self) -> str:
        """For notebooks; asks nobody."""
        return trial_card(self)


class Diagnosis(Reply):
    """What a trial's curve says about its learning rate."""

    verdict: Literal["too_high", "diverged", "too_low", "good", "unclear"]
    evidence: list[str]
    """Numbers and steps that speak for the verdict."""


class TrialWithCurve(Trial):
    """A trial with its curve, by step."""

    curve: list[Report]
    diagnosis: Diagnosis | None = None
    """Null from a service that is older than this."""

    def _repr_html_(self) -> str:
        """For notebooks; asks nobody."""
        return trial_card(self, self.curve)


class TrialPage(Page[Trial]):
    """A page of trials, by number."""


class Problem(Reply):
    """An error, as RFC 9457 `application/problem+json`."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[dict[str, Any]] | None = None
