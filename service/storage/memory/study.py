"""The mirror: each study in memory, as the database has it plus what is being committed.

Every decision reads the mirror, under the lock of `memory.mirrors`. Loading fills it (`sql.studies`, `engine.loader`).
From then on all that is on disk is written within a change: by the methods of `commit.changes.Change`, which note the
rows as well, by `commit.open_change` (the version), and by `neighbours`, which takes in what the database holds.
What is in memory only others set too: when a lease ends and which request had which trial (`tuning.trials`), whether
the mirror still holds and when it was last used (`memory.mirrors`, `commit.open_change`), and what readers keep in
`derived`.
"""

import math
from bisect import bisect_left, insort
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from optuna.study import StudyDirection
from optuna.trial import TrialState

from lrtune.service.storage.errors import StorageUnavailable
from lrtune.service.storage.memory.progress import Progress, as_loaded
from lrtune.service.storage.memory.range_tests import StoredRangeTest
from lrtune.service.storage.memory.recent import Recent
from lrtune.service.storage.memory.tally import Tally
from lrtune.service.storage.memory.trial import TrialMirror, Work
from lrtune.service.wire.studies import StudySpec

__all__ = ["MAX_REQUEST_IDS", "StudyMirror", "Tally", "TrialMirror", "Work"]

Kept = TypeVar("Kept")

MAX_REQUEST_IDS = 10_000
"""How many answered asks a study remembers, so that a repeated one gets the same trial."""


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
    """Numbers of waiting trials, those to resume before those never begun; without the paused ones."""
    paused_trials: dict[int, tuple[float, int]] = field(default_factory=dict)
    """The waiting trials that were told to pause, by number, each with its place in `paused_ranking`."""
    paused_ranking: list[tuple[float, int]] = field(default_factory=list)
    """(best value so far, number) of the paused trials, best first; where the study maximizes, of minus the value."""
    leased: dict[int, TrialMirror] = field(default_factory=dict)
    """Trials with a lease, by number."""
    requests: "OrderedDict[str, int]" = field(default_factory=OrderedDict)
    tally: Tally = field(default_factory=Tally)
    ranking: list[tuple[float, int]] = field(default_factory=list)
    """(value, number) of the complete trials, best first; where the study maximizes, of minus the value."""
    range_tests: list[StoredRangeTest] = field(default_factory=list)
    completed: list[int] = field(default_factory=list)
    """Numbers of the complete trials, in the order in which they ended."""
    progress: Progress = field(default_factory=Progress)
    alive: bool = True
    """False once a commit failed or the study was dropped: whoever holds it must fetch it anew."""
    elsewhere: bool = False
    """Another process serves the study from now on; what is here was on disk when it went, and is shown to its end."""
    deleted: bool = False
    """Set with the deletion's own change: no change follows it."""
    last_used: float = 0.0
    """By the clock of elapsed time."""
    misnumbered: list[tuple[int, int]] = field(default_factory=list)
    """(trial id, number) of trials whose number another process got wrong, until they are written back."""
    lapsed: list[TrialMirror] = field(default_factory=list)
    """Trials whose lease in the database is void, until that is written back."""
    recent: Recent | None = None
    """What has changed lately, while somebody watches and for a minute more."""
    _derived: dict[type, Any] = field(default_factory=dict)

    def derived(self, kind: type[Kept]) -> Kept:
        """What a reader derived from the study and keeps with it: one `kind`, made without arguments on first use, and
        dropped with the mirror. Under the engine's lock."""
        kept: Kept | None = self._derived.get(kind)
        if kept is None:
            kept = self._derived[kind] = kind()
        return kept

    def check_kept(self) -> None:
        """Raise StorageUnavailable where what is here may not be on disk: a commit has failed. A study that was deleted
        is shown to its end to whoever has begun, and so is one that went to another process."""
        if not self.alive and not self.deleted and not self.elsewhere:
            raise StorageUnavailable(f"study {self.name} is being read anew; try again", retry_after_seconds=0.1)

    def note(self, trial: TrialMirror, step: int | None = None, *, begun: bool = False) -> None:
        """A trial is changed, with the version that is to come: those who watch are told."""
        if self.recent is not None:
            self.recent.note(self.version + 1, trial.number, step, begun=begun)

    @property
    def trial_count(self) -> int:
        """How many trials it has."""
        return len(self.trials)

    @property
    def ended(self) -> int:
        """How many trials have ended, whatever they came to."""
        return sum(self.tally.outcomes[name] for name in ("complete", "pruned", "diverged", "failed"))

    @property
    def in_hand(self) -> bool:
        """Whether a trial is on lease, waits or is paused."""
        return bool(self.leased or self.waiting or self.paused_trials)

    @property
    def maximizes(self) -> bool:
        """Whether a larger value is better."""
        return self.directions[0] is StudyDirection.MAXIMIZE

    def count_in(self, trial: TrialMirror) -> None:
        """Bring the counts and the queues up to date with `trial` as it is now."""
        self.tally.add(trial)
        number = trial.number
        if trial.paused or number in self.paused_trials:
            self._place_paused(trial)
        if trial.state is TrialState.WAITING and not trial.paused:
            self.waiting[number] = None
            if trial.work is not None and trial.work.attempt > 0:
                self.waiting.move_to_end(number, last=False)
        else:
            self.waiting.pop(number, None)
        if trial.work is not None and trial.work.leased:
            self.leased[number] = trial
        else:
            self.leased.pop(number, None)

    def _place_paused(self, trial: TrialMirror) -> None:
        """Take a trial into the queue of the paused ones, or out of it."""
        known = self.paused_trials.pop(trial.number, None)
        if known is not None:
            del self.paused_ranking[bisect_left(self.paused_ranking, known)]
        if trial.paused:
            place = (-trial.highest if self.maximizes else trial.lowest, trial.number)
            self.paused_trials[trial.number] = place
            insort(self.paused_ranking, place)

    def enter(self, trial: TrialMirror) -> None:
        """Take in a trial that the study did not have yet."""
        self.trials.append(trial)
        if trial.work is not None and trial.work.request_id is not None:
            self.remember_request(trial.work.request_id, trial.number)
        self.count_in(trial)
        self.rank(trial)

    def enter_all(self, trials: Iterable[TrialMirror]) -> None:
        """Take in the trials of a study that had none yet; ranked once, not one by one."""
        for trial in trials:
            self.trials.append(trial)
            work = trial.work
            if work is not None and work.request_id is not None and (work.leased or not self._is_leased_by(work)):
                self.remember_request(work.request_id, trial.number)
            self.count_in(trial)
        sign = -1 if self.maximizes else 1
        ranked = [trial for trial in self.trials if trial.values and _is_ranked(trial)]
        self.ranking = _sorted([(sign * trial.values[0], trial.number) for trial in ranked if trial.values])
        ranked.sort(key=lambda trial: trial.finished_at or 0.0)
        self.completed = [trial.number for trial in ranked]
        self.progress = as_loaded(self.trials, ranked, sign)

    def rank(self, trial: TrialMirror) -> None:
        """Give a trial that has just been completed its place in the ranking; take note of any that has ended."""
        if trial.state.is_finished():
            sign = -1 if self.maximizes else 1
            self.progress.note(trial, self.tally, sign if _is_ranked(trial) else None)
        if not trial.values or not _is_ranked(trial):
            return
        value = trial.values[0]
        insort(self.ranking, (-value if self.maximizes else value, trial.number))
        self.completed.append(trial.number)

    @property
    def best(self) -> TrialMirror | None:
        """The best complete trial."""
        return self.trials[self.ranking[0][1]] if self.ranking else None

    def count_out(self, trial: TrialMirror) -> None:
        """Take `trial` out of the counts, before it changes."""
        self.tally.add(trial, -1)

    def renew_leases(self, now: float) -> None:
        """Give every lease its full time, from `now` on by the clock of elapsed time: how long nobody listened is not
        held against those who train."""
        if self.spec is not None:
            for trial in self.leased.values():
                if trial.work is not None:
                    trial.work.expires_at = now + self.spec.lease_ttl_seconds
                    if trial.work.reported_at is None:  # Read from the database, which does not say.
                        trial.work.reported_at = now
                    if trial.work.leased_at is None:
                        trial.work.leased_at = now

    def _is_leased_by(self, work: Work) -> bool:
        """Whether the request of this ended lease has got another trial since, which is on lease."""
        known = self.requests.get(str(work.request_id))
        later = None if known is None else self.trials[known].work
        return later is not None and later.leased

    def remember_request(self, request_id: str, number: int) -> None:
        """Note which trial answered an ask."""
        self.requests[request_id] = number
        if len(self.requests) > MAX_REQUEST_IDS:
            self.requests.popitem(last=False)


def _is_ranked(trial: TrialMirror) -> bool:
    values = trial.values
    return trial.state is TrialState.COMPLETE and values is not None and bool(values) and not math.isnan(values[0])


def _sorted(places: list[tuple[float, int]]) -> list[tuple[float, int]]:
    """Places in their order. Other threads run meanwhile, as they do not while a long list of tuples is sorted."""
    values = np.fromiter((value for value, _ in places), np.float64, len(places))
    numbers = np.fromiter((number for _, number in places), np.int64, len(places))
    return [places[index] for index in np.lexsort((numbers, values)).tolist()]
