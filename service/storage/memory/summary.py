"""What is shown of a study in a list, without its trials."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from lrtune.service.storage.memory.study import Tally
from lrtune.service.wire.studies import StudySpec


class StudyFacts(Protocol):
    """A study's settings and counts: of a mirror, or of a summary."""

    @property
    def name(self) -> str: ...
    @property
    def spec(self) -> StudySpec | None: ...
    @property
    def system_attrs(self) -> Mapping[str, Any]: ...
    @property
    def max_trials(self) -> int | None: ...
    @property
    def max_total_steps(self) -> int | None: ...
    @property
    def paused(self) -> bool: ...
    @property
    def stopped(self) -> bool: ...
    @property
    def description(self) -> str: ...
    @property
    def created_at(self) -> float: ...
    @property
    def trial_count(self) -> int: ...
    @property
    def in_hand(self) -> bool: ...
    @property
    def tally(self) -> Tally: ...


@dataclass(frozen=True, slots=True)
class StudySummary:
    """A study that is not in memory, as the database has it. The tally is that of trials and steps against budgets."""

    name: str
    spec: StudySpec
    system_attrs: Mapping[str, Any]
    max_trials: int | None
    max_total_steps: int | None
    paused: bool
    stopped: bool
    description: str
    created_at: float
    trial_count: int
    in_hand: bool
    """Whether a trial is on lease, waits or is paused. Only told where a budget may be used up."""
    tally: Tally
