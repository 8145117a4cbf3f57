"""A study as a file of JSON lines: every line a model, the same for what is exported and what is imported.

    {"kind": "study", "format": "1.0", …}      first: what the study is
    {"kind": "trial", "number": 0, …}          each trial, with the first 1,000 points of its curve
    {"kind": "curve", "trial": 0, …}           after a trial whose curve is longer: the rest
    {"kind": "superseded", "trial": 0, …}      reports of leases that were lost, past the checkpoint
    {"kind": "range_test", "number": 0, …}
    {"kind": "end", "trials": 1, …}            last: how much there is, and a digest

A service imports files of its own major version. It takes those of a later minor one, too, as long as they have no
field that it does not know: what it does not know it refuses, and never drops.
"""

from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import AwareDatetime, ConfigDict, Field, StringConstraints, model_validator

from lrtune.service.wire.base import STORABLE, WHOLE, Body, Choice, Loss, Reply, Storable
from lrtune.service.wire.bounded import Bounded
from lrtune.service.wire.range_tests import KeptRangeTest, RangeTestCurve, RuleRates
from lrtune.service.wire.studies import Text
from lrtune.service.wire.trials import Step, TrialState

FORMAT = "1.0"
MEDIA_TYPE = "application/x-ndjson"
POINTS_A_LINE = 1_000
LINES_A_BATCH = 100
MOST_WEIGHT = 5_000
"""Of a batch, by `weight`: it is taken in in some 20 ms."""
LONGEST_TEXT = 500_000
"""Characters of an attribute, an error, …: a batch is no longer than a body may be."""

_Count = Annotated[int, Field(ge=0, lt=2**53), WHOLE]
_Small = Annotated[int, Field(ge=0, lt=2**31), WHOLE]
_Json = Annotated[str, StringConstraints(max_length=LONGEST_TEXT), STORABLE]
_Key = Annotated[str, StringConstraints(min_length=1, max_length=512), STORABLE]
_Long = Annotated[str, StringConstraints(max_length=LONGEST_TEXT), STORABLE]
_When = Annotated[AwareDatetime, Field(strict=False)]
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$", max_length=64)]
_Pair = Annotated[tuple[_Key, _Json], Field(strict=False)]
Attributes = Annotated[list[_Pair], Bounded(2_000)]
"""Optuna's attributes as pairs of a name and a JSON text, as they are stored."""


class Points(Body):
    """Reports, by step."""

    steps: Annotated[list[Step], Bounded(POINTS_A_LINE)]
    values: Annotated[list[Loss], Bounded(POINTS_A_LINE)]
    """One for each of the steps."""

    @model_validator(mode="after")
    def _as_many(self) -> Self:
        if len(self.steps) != len(self.values):
            raise ValueError(f"has {len(self.steps)} steps and {len(self.values)} values; they must be as many")
        if any(step >= after for step, after in pairwise(self.steps)):
            raise ValueError("steps must rise")
        return self


class StudyLine(Body):
    """The first line: what the study is, and what it was set to since."""

    kind: Literal["study"]
    format: Annotated[str, StringConstraints(pattern=r"^\d{1,4}\.\d{1,4}$", max_length=9)]
    lrtune: Annotated[Storable, StringConstraints(max_length=100)]
    """The version that wrote it."""
    name: Annotated[Storable, StringConstraints(max_length=128)]
    created_at: _When
    spec: Annotated[dict[_Key, Any], Bounded(100)]
    """As it was created: a `StudySpec` without its name."""
    max_trials: _Count | None
    max_total_steps: _Count | None
    paused: bool
    stopped: bool
    description: Text
    user_attrs: Attributes
    system_attrs: Attributes


class WorkLine(Body):
    """What lrtune keeps of a trial: attempts, checkpoint, length. Of its lease not the token, which opens it."""

    attempt: _Small
    leases: _Small
    leased: bool
    worker: Annotated[str, StringConstraints(max_length=200), STORABLE] | None
    max_steps: _Count | None
    anneals: bool
    resumable: bool
    checkpoint_uri: _Long | None
    checkpoint_step: _Count | None
    resumed_from: _Count | None
    lost_steps: _Count
    stop_reason: Annotated[str, StringConstraints(max_length=32), STORABLE] | None
    error: _Long | None


class TrialLine(Body):
    """A trial, with the beginning of its curve."""

    kind: Literal["trial"]
    number: _Small
    state: TrialState
    optuna_state: Literal["RUNNING", "COMPLETE", "PRUNED", "FAIL", "WAITING"]
    """As it is stored: a diverged trial is a pruned one there, and so is a short one."""
    params: Annotated[dict[_Key, Choice], Bounded(256)]
    distributions: Annotated[dict[_Key, _Json], Bounded(256)]
    """Of parameters whose distribution is not the search space's: Optuna's JSON."""
    values: Annotated[list[Loss], Bounded(100)] | None
    user_attrs: Attributes
    system_attrs: Attributes
    started_at: _When | None
    finished_at: _When | None
    work: WorkLine | None
    """Null for a trial that an Optuna script made, or that was recorded."""
    curve: Points


class CurveLine(Points):
    """More of the curve of a trial."""

    kind: Literal["curve"]
    trial: _Small


class SupersededLine(Points):
    """Reports of a lease that was lost or given back, past the checkpoint that the next one went on from."""

    kind: Literal["superseded"]
    trial: _Small
    lease: _Small
    """Which of the trial's leases that was, counted from 1."""


class _RuleRates(RuleRates):
    model_config = ConfigDict(extra="forbid")


class _Findings(KeptRangeTest):
    model_config = ConfigDict(extra="forbid")
    suggestions: _RuleRates


class _Curve(RangeTestCurve):
    model_config = ConfigDict(extra="forbid")


class RangeTestLine(Body):
    """A range test with its curve."""

    kind: Literal["range_test"]
    number: _Small
    request_id: Annotated[Storable, Field(max_length=100)] | None
    digest: Annotated[Storable, Field(max_length=64)]
    findings: _Findings
    curve: _Curve


class EndLine(Body):
    """The last line: a file without it was cut off."""

    kind: Literal["end"]
    trials: _Count
    reports: _Count
    """Points of all curves."""
    superseded: _Count
    """Points that are no part of a curve any more."""
    range_tests: _Count
    sha256: Digest
    """Of all lines before, the first without `name`."""


Line = Annotated[
    StudyLine | TrialLine | CurveLine | SupersededLine | RangeTestLine | EndLine, Field(discriminator="kind")
]


class ImportBatch(Body):
    """The body of `POST /v1/studies/{study}/import`: some lines of a file, in their order."""

    file: Digest
    """The `sha256` of its last line: by that an import that was broken off is known again."""
    first: _Small
    """The number of the first of these lines, counted from 0. Lines that were taken in before are passed over."""
    lines: Annotated[list[Line], Field(min_length=1), Bounded(LINES_A_BATCH)]

    @model_validator(mode="after")
    def _not_too_much(self) -> Self:
        heavy = sum(map(_weight, self.lines))
        if heavy > MOST_WEIGHT and len(self.lines) > 1:
            raise ValueError(f"lines: weigh {heavy:,}, and may weigh {MOST_WEIGHT:,} at once: send fewer")
        return self


class ImportProgress(Reply):
    """How far an import is."""

    study: str
    lines: int
    """So many lines of the file are in."""
    done: bool
    """Whether that was all: the study is as any other from then on."""


def weight(points: int, parts: int) -> int:
    """What it costs to take in a line with so many points, parameters and attributes."""
    return 5 + points + parts


def _weight(line: Any) -> int:
    parts = 0
    if isinstance(line, TrialLine):
        parts = len(line.params) + len(line.user_attrs) + len(line.system_attrs)
    return weight(_points(line), parts)


def _points(line: Any) -> int:
    if isinstance(line, TrialLine):
        return len(line.curve.steps)
    return len(line.steps) if isinstance(line, Points) else 0
