"""A trial in memory: what Optuna's columns say of it, and its lease."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState

from lrtune.service.storage.schema.attributes import OUTCOME_ATTR
from lrtune.service.storage.schema.codecs import local_time

_OUTCOMES = {
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
    TrialState.RUNNING: "running",
    TrialState.WAITING: "waiting",
}


_MARKED = ("diverged", "complete")
"""Outcomes of trials that Optuna is to read as pruned: those that diverged, and those whose training was meant to be
shorter than a full one."""

PAUSED = "paused"
"""The stop reason of a trial that waits, or is to wait, for its promotion."""

NO_ATTRS: dict[str, Any] = {}
"""The attributes of all trials that have none. Attributes are replaced, never changed in place."""


@dataclass(slots=True)
class Work:
    """What a trial needs beside Optuna's columns: its lease, attempt and checkpoint."""

    attempt: int = 0
    leases: int = 0
    """How often the trial was leased; a released one is leased again in the same attempt."""
    leased: bool = False
    lease: str | None = None
    """The token of the latest lease; kept after the trial's end, so that a replayed result is known."""
    worker: str | None = None
    request_id: str | None = None
    max_steps: int | None = None
    anneals: bool = False
    resumable: bool = False
    checkpoint_uri: str | None = None
    checkpoint_step: int | None = None
    resumed_from: int | None = None
    lost_steps: int = 0
    """Steps that lost attempts trained past the checkpoint their successor went on from."""
    stop_reason: str | None = None
    """Set once a verdict said stop or pause: it is never taken back. A waiting trial with `paused` is paused."""
    error: str | None = None
    expires_at: float = math.inf
    """By the clock of elapsed time, which other processes do not share: in memory only."""
    reported_at: float | None = None
    """When the latest report of this lease came, or else when it was handed out: by the same clock, in memory only."""
    leased_at: float | None = None
    """When this lease was handed out, or became known to this process: by the same clock, in memory only."""


_MOST_SETS = 4096
_shared_sets: dict[tuple[tuple[str, int], ...], dict[str, BaseDistribution]] = {}


def share_distributions(distributions: dict[str, BaseDistribution]) -> dict[str, BaseDistribution]:
    """One dict for all trials whose parameters have these very distribution objects; never to be changed in place."""
    key = tuple((name, id(distribution)) for name, distribution in distributions.items())
    shared = _shared_sets.get(key)
    if shared is None:
        if len(_shared_sets) >= _MOST_SETS:
            _shared_sets.clear()
        shared = _shared_sets[key] = distributions
    return shared


WORK_COLUMNS = tuple(name for name in Work.__slots__ if name not in ("expires_at", "reported_at", "leased_at"))


@dataclass(slots=True)
class TrialMirror:
    """A trial. `number` is its place in the study, `trial_id` its key in the database."""

    trial_id: int
    number: int
    state: TrialState
    params: dict[str, Any] = field(default_factory=dict)
    distributions: dict[str, BaseDistribution] = field(default_factory=dict)
    values: list[float] | None = None
    intermediate: dict[int, float] = field(default_factory=dict)
    user_attrs: dict[str, Any] = field(default_factory=lambda: NO_ATTRS)
    system_attrs: dict[str, Any] = field(default_factory=lambda: NO_ATTRS)
    started_at: float | None = None
    finished_at: float | None = None
    last_step: int | None = None
    lowest: float = math.inf
    """The least and the greatest value reported, nan aside."""
    highest: float = -math.inf
    work: Work | None = None
    _frozen: FrozenTrial | None = None
    _mark: object | None = None

    @property
    def outcome(self) -> str:
        """running, waiting, complete, pruned, diverged or failed."""
        if self.state is TrialState.PRUNED and self.system_attrs.get(OUTCOME_ATTR) in _MARKED:
            marked: str = self.system_attrs[OUTCOME_ATTR]
            return marked
        return _OUTCOMES[self.state]

    @property
    def paused(self) -> bool:
        """Whether the trial was told to pause, was given back, and has not been promoted since."""
        return self.state is TrialState.WAITING and self.work is not None and self.work.stop_reason == PAUSED

    @property
    def value(self) -> float | None:
        """The (first) final value."""
        return self.values[0] if self.values else None

    @property
    def trained_steps(self) -> int:
        """Steps trained over all attempts."""
        return self.reached + (self.work.lost_steps if self.work else 0)

    @property
    def reached(self) -> int:
        """The step that the latest attempt has come to: the last one reported, or the one that it went on from."""
        last = self.last_step or 0
        work = self.work
        return last if work is None or work.resumed_from is None else max(last, work.resumed_from)

    @property
    def steps_left(self) -> int:
        """Steps that a waiting trial of a known length has to train to its end, those of its checkpoint aside.

        A checkpoint may lie past the last report. The steps between them count as trained with the next lease.
        """
        work = self.work
        if work is None or work.max_steps is None:
            return 0
        return max(0, work.max_steps - min(work.checkpoint_step or 0, self.reached))

    def measure_curve(self) -> None:
        """Bring what is derived from the curve up to date with it."""
        curve = self.intermediate
        if not curve:
            self.last_step, self.lowest, self.highest = None, math.inf, -math.inf
            return
        self.last_step = max(curve)
        values: Iterable[float] = curve.values()
        if math.isnan(sum(values)):
            values = [value for value in values if not math.isnan(value)]
        self.lowest, self.highest = min(values, default=math.inf), max(values, default=-math.inf)

    def touch(self) -> None:
        """Forget the frozen copy: the trial is about to change."""
        self._frozen = self._mark = None

    def mark(self) -> object:
        """Something to ask `is_unchanged_since` with later; a frozen copy would cost as much as the curve is long."""
        if self._mark is None:
            self._mark = object()
        return self._mark

    def take_over(self, template: FrozenTrial) -> None:
        """Be, but for id and number, what Optuna's trial is. For a new trial that nobody has seen."""
        self.state = template.state
        self.params, self.distributions = template.params, template.distributions
        self.values = None if template.values is None else list(template.values)
        self.intermediate = template.intermediate_values
        self.measure_curve()
        self.user_attrs, self.system_attrs = template.user_attrs, template.system_attrs
        started, completed = template.datetime_start, template.datetime_complete
        self.started_at = None if started is None else started.timestamp()
        self.finished_at = None if completed is None else completed.timestamp()

    def freeze(self) -> FrozenTrial:
        """An Optuna FrozenTrial that later changes do not touch; the same object until there is one."""
        if self._frozen is None:
            self._frozen = self.frozen_copy()
        return self._frozen

    @property
    def is_frozen(self) -> bool:
        """Whether `freeze` has nothing to do."""
        return self._frozen is not None

    def is_unchanged_since(self, mark: object) -> bool:
        """Whether nothing of the trial has changed since `mark` gave this."""
        return self._mark is mark

    def frozen_copy(self) -> FrozenTrial:
        """The same, not kept: for whoever keeps it himself, or not at all."""
        if self._frozen is not None:
            return self._frozen
        own = dict if not self.state.is_finished() else _itself  # Optuna writes into those of running trials.
        return FrozenTrial(
            number=self.number,
            state=self.state,
            value=None,
            values=None if self.values is None else list(self.values),
            datetime_start=local_time(self.started_at),
            datetime_complete=local_time(self.finished_at),
            params=own(self.params),
            distributions=own(self.distributions),
            user_attrs=own(self.user_attrs) or {},
            system_attrs=own(self.system_attrs) or {},
            intermediate_values=own(self.intermediate),
            trial_id=self.trial_id,
        )


def _itself(mapping: dict[Any, Any]) -> dict[Any, Any]:
    return mapping
