"""The mirror: each study in memory, as the database has it plus what is being committed.

Every decision reads the mirror. Only `service.storage.changes` and `service.storage.loading` write it.
"""

import math
from bisect import insort
from collections import Counter, OrderedDict
from dataclasses import dataclass, field
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from service.storage.optuna_schema import OUTCOME_ATTR, local_time
from service.wire.studies import StudySpec

MAX_REQUEST_IDS = 10_000
"""How many answered asks a study remembers, so that a repeated one gets the same trial."""

_OUTCOMES = {
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
    TrialState.RUNNING: "running",
    TrialState.WAITING: "waiting",
}


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
    """Set once a verdict said stop: it is never taken back."""
    error: str | None = None
    expires_at: float = math.inf
    """Seconds since the epoch. In memory only."""


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
    user_attrs: dict[str, Any] = field(default_factory=dict)
    system_attrs: dict[str, Any] = field(default_factory=dict)
    started_at: float | None = None
    finished_at: float | None = None
    last_step: int | None = None
    lowest: float = math.inf
    """The least and the greatest value reported, nan aside."""
    highest: float = -math.inf
    work: Work | None = None
    _frozen: FrozenTrial | None = None

    @property
    def outcome(self) -> str:
        """running, waiting, complete, pruned, diverged or failed."""
        if self.state is TrialState.PRUNED and self.system_attrs.get(OUTCOME_ATTR) == "diverged":
            return "diverged"
        return _OUTCOMES[self.state]

    @property
    def value(self) -> float | None:
        """The (first) final value."""
        return self.values[0] if self.values else None

    @property
    def trained_steps(self) -> int:
        """Steps trained over all attempts."""
        return (self.last_step or 0) + (self.work.lost_steps if self.work else 0)

    def measure_curve(self) -> None:
        """Bring what is derived from the curve up to date with it."""
        self.last_step = max(self.intermediate, default=None)
        numbers = [value for value in self.intermediate.values() if not math.isnan(value)]
        self.lowest, self.highest = min(numbers, default=math.inf), max(numbers, default=-math.inf)

    def touch(self) -> None:
        """Forget the frozen copy: the trial is about to change."""
        self._frozen = None

    def freeze(self) -> FrozenTrial:
        """An Optuna FrozenTrial that later changes do not touch; the same object until there is one."""
        if self._frozen is None:
            share = self.state.is_finished()
            self._frozen = FrozenTrial(
                number=self.number,
                state=self.state,
                value=None,
                values=None if self.values is None else list(self.values),
                datetime_start=local_time(self.started_at),
                datetime_complete=local_time(self.finished_at),
                params=self.params if share else dict(self.params),
                distributions=self.distributions if share else dict(self.distributions),
                user_attrs=self.user_attrs if share else dict(self.user_attrs),
                system_attrs=self.system_attrs if share else dict(self.system_attrs),
                intermediate_values=self.intermediate if share else dict(self.intermediate),
                trial_id=self.trial_id,
            )
        return self._frozen


@dataclass(slots=True)
class Tally:
    """Counts over a study's trials, kept up to date with each change."""

    outcomes: Counter[str] = field(default_factory=Counter)
    spent_trials: int = 0
    """Trials that count against `max_trials`: all but those recorded from elsewhere."""
    trained: int = 0
    saved_by_pruning: int = 0
    spent_on_divergence: int = 0
    reserved: int = 0
    """Steps that running and waiting trials may still train."""

    def add(self, trial: TrialMirror, sign: int = 1) -> None:
        """Count a trial in, or out with sign -1."""
        outcome = trial.outcome
        self.outcomes[outcome] += sign
        work = trial.work
        if work is None:
            return
        self.spent_trials += sign
        self.trained += sign * trial.trained_steps
        last = trial.last_step or 0
        max_steps = work.max_steps
        if outcome == "pruned" and max_steps is not None:
            self.saved_by_pruning += sign * max(0, max_steps - last)
        elif outcome == "diverged":
            self.spent_on_divergence += sign * last
        elif outcome in ("running", "waiting") and max_steps is not None:
            self.reserved += sign * max(0, max_steps - last)

    def advance(self, trial: TrialMirror, before: int, now: int) -> None:
        """Count the steps that a running trial went on from `before` to `now`."""
        work = trial.work
        if work is None:
            return
        self.trained += now - before
        if work.max_steps is not None:
            self.reserved += max(0, work.max_steps - now) - max(0, work.max_steps - before)


@dataclass(slots=True)
class StudyMirror:
    """A study with all its trials. `spec` is None for a study that was not created through lrtune."""

    study_id: int
    name: str
    directions: list[StudyDirection]
    user_attrs: dict[str, Any] = field(default_factory=dict)
    system_attrs: dict[str, Any] = field(default_factory=dict)
    spec: StudySpec | None = None
    max_trials: int | None = None
    max_total_steps: int | None = None
    paused: bool = False
    stopped: bool = False
    description: str = ""
    version: int = 0
    created_at: float = 0.0
    updated_at: float = 0.0
    trials: list[TrialMirror] = field(default_factory=list)
    waiting: "OrderedDict[int, None]" = field(default_factory=OrderedDict)
    """Numbers of waiting trials, those to resume before those never begun."""
    leased: dict[int, TrialMirror] = field(default_factory=dict)
    """Trials with a lease, by number."""
    requests: "OrderedDict[str, int]" = field(default_factory=OrderedDict)
    tally: Tally = field(default_factory=Tally)
    ranking: list[tuple[float, int]] = field(default_factory=list)
    """(value, number) of the complete trials, best first; where the study maximizes, of minus the value."""
    step_values: dict[int, list[float]] | None = None
    """The values of the complete trials by step, sorted, where the pruner asks for them."""
    alive: bool = True
    """False once a commit failed or the study was dropped: whoever holds it must fetch it anew."""
    last_used: float = 0.0
    cache: dict[str, Any] = field(default_factory=dict)
    """What readers derived, by name, with the version it holds for. Dropped with the mirror."""

    @property
    def maximizes(self) -> bool:
        """Whether a larger value is better."""
        return self.directions[0] is StudyDirection.MAXIMIZE

    def count_in(self, trial: TrialMirror) -> None:
        """Bring the counts and the queues up to date with `trial` as it is now."""
        self.tally.add(trial)
        number = trial.number
        if trial.state is TrialState.WAITING:
            self.waiting[number] = None
            if trial.work is not None and trial.work.attempt > 0:
                self.waiting.move_to_end(number, last=False)
        else:
            self.waiting.pop(number, None)
        if trial.work is not None and trial.work.leased:
            self.leased[number] = trial
        else:
            self.leased.pop(number, None)

    def enter(self, trial: TrialMirror) -> None:
        """Take in a trial that the study did not have yet."""
        self.trials.append(trial)
        if trial.work is not None and trial.work.request_id is not None:
            self.remember_request(trial.work.request_id, trial.number)
        self.count_in(trial)
        self.rank(trial)

    def rank(self, trial: TrialMirror) -> None:
        """Give a trial that has just been completed its place in the ranking."""
        if trial.state is not TrialState.COMPLETE or trial.value is None or math.isnan(trial.value):
            return
        insort(self.ranking, (-trial.value if self.maximizes else trial.value, trial.number))
        if self.step_values is not None:
            for step, value in trial.intermediate.items():
                if not math.isnan(value):
                    insort(self.step_values.setdefault(step, []), value)

    def index_curves(self) -> None:
        """Keep, for each step, the sorted values of the complete trials there from now on, for the pruner."""
        self.step_values = {}
        for _, number in self.ranking:
            for step, value in self.trials[number].intermediate.items():
                if not math.isnan(value):
                    self.step_values.setdefault(step, []).append(value)
        for values in self.step_values.values():
            values.sort()

    @property
    def best(self) -> TrialMirror | None:
        """The best complete trial."""
        return self.trials[self.ranking[0][1]] if self.ranking else None

    def count_out(self, trial: TrialMirror) -> None:
        """Take `trial` out of the counts, before it changes."""
        self.tally.add(trial, -1)

    def remember_request(self, request_id: str, number: int) -> None:
        """Note which trial answered an ask."""
        self.requests[request_id] = number
        if len(self.requests) > MAX_REQUEST_IDS:
            self.requests.popitem(last=False)
