"""What the verdicts of `auto` are based on: the finished curves of a study, kept as arrays of bounded size.

`tuning.auto.AutoPruner` reads all trials at each of its checkpoints. Here the curves of those that finished
are taken in as they finish, and those of a first wave, of which none has finished, as they pass a checkpoint: a
verdict costs the same in a study of 100,000 trials.
"""

import math
from bisect import bisect_right
from collections.abc import Container
from dataclasses import dataclass, field
from itertools import islice

import numpy as np

from lrtune.service.storage.memory.study import StudyMirror, TrialMirror
from lrtune.service.tuning.auto.evidence import FRACTIONS, Evidence, Floats, checkpoint_steps
from lrtune.service.tuning.auto.observed import curve_of
from lrtune.service.tuning.auto.policy import race
from lrtune.service.tuning.auto.policy.retraining import trains_to
from lrtune.service.tuning.auto.policy.trial_budget import few_steps_per_trial
from lrtune.service.tuning.auto.space import Space
from lrtune.service.tuning.fidelity.short_trainings import is_short
from lrtune.service.tuning.pruning import halving_evidence
from lrtune.service.tuning.state.budget import counted_trials

_LATEST, _BEST = 60, 20
_LENGTH_BY = 20
"""Without `max_steps`, the longest of so many complete trials tells how long a full training is."""

_FIRST_WAVE = 3
"""Once so many have finished, the curves of running trials count no more."""

_LOOK_BACK = 500


class RaceEvidence:
    """The curves of one study at the checkpoints of `auto`. Steps count from 1; all of it under the engine's lock."""

    def __init__(self, study: StudyMirror, full: int) -> None:
        self.full = full
        self._needed = checkpoint_steps(full)
        self._decisive = race.decisive(full)
        self._unraced = [race.unraced(place, full) for place in range(len(FRACTIONS))]
        self._sign = -1.0 if study.maximizes else 1.0
        self._taken = max(0, len(study.completed) - _LATEST)
        self._finished: dict[int, tuple[list[float], float]] = {}
        self._arrays: tuple[Floats, Floats] | None = None
        self._wave = _Wave()
        for _, number in study.ranking[:_BEST]:
            self._finish(study.trials[number])
        if len(study.ranking) < _FIRST_WAVE:
            for trial in (*study.trials[-_LOOK_BACK:], *study.leased.values()):
                if trial.intermediate and not is_short(trial.system_attrs, full):
                    self._wave.note(trial.number, self._curve(trial))

    def judge(self, study: StudyMirror, trial: TrialMirror) -> race.Call:
        """The decision on a running trial that has just passed a checkpoint."""
        first_wave = len(study.ranking) < _FIRST_WAVE
        last = trial.last_step or 0
        place = bisect_right(self._needed, last) - 1
        if not first_wave and place not in self._decisive:
            return race.Call(False, "")
        if _columns(study, trial) <= 1:
            return self._unraced[place]
        self._catch_up(study)
        curve = self._curve(trial)
        in_a_row = _stopped_in_a_row(study, trial)
        behind = few_steps_per_trial(
            study.tally.trained,
            counted_trials(study),
            max_steps=self.full,
            max_trials=study.max_trials,
            max_total_steps=study.max_total_steps,
        )
        call = race.decide(self._evidence(study, trial), curve, trial.number, in_a_row, self.full, behind=behind)
        if first_wave:
            self._wave.note(trial.number, curve)
        return call

    def _catch_up(self, study: StudyMirror) -> None:
        """Take in what has finished since, and let go of the oldest that are not among the best."""
        if self._taken == len(study.completed):
            return
        for number in study.completed[max(self._taken, len(study.completed) - _LATEST) :]:
            self._finish(study.trials[number])
        self._taken = len(study.completed)
        self._arrays = None
        spare = len(self._finished) - _LATEST - _BEST
        if spare > 0:
            best = {number for _, number in study.ranking[:_BEST]}
            for number in list(islice((n for n in self._finished if n not in best), spare)):
                del self._finished[number]
        if len(study.ranking) >= _FIRST_WAVE:
            self._wave = _Wave()

    def _finish(self, trial: TrialMirror) -> None:
        value = trial.value
        if trial.outcome == "complete" and value is not None and np.isfinite(value):
            curve = curve_of(trial.intermediate, self._sign, self._needed, 1)
            self._finished[trial.number] = (curve, self._sign * value)

    def _curve(self, trial: TrialMirror) -> Floats:
        return np.array(curve_of(trial.intermediate, self._sign, self._needed, 1))

    def _kept(self) -> tuple[Floats, Floats]:
        """The curves (n, K) and the final values (n,) of those that finished."""
        if self._arrays is None:
            rows = [curve for curve, _ in self._finished.values()]
            final_values = np.array([final for _, final in self._finished.values()])
            self._arrays = np.array(rows).reshape(len(rows), len(FRACTIONS)), final_values
        return self._arrays

    def _evidence(self, study: StudyMirror, trial: TrialMirror) -> Evidence:
        curves, final_values = self._kept()
        others = self._wave.curves(study, trial.number, self._finished)
        if len(others):
            curves = np.concatenate([curves, others])
            final_values = np.concatenate([final_values, np.full(len(others), np.nan)])
        count = len(final_values)
        cube = np.broadcast_to(0.5, (count, _columns(study, trial)))
        return Evidence(cube=cube, curves=curves, final=final_values, diverged=np.zeros(count, dtype=bool))


class _Wave:
    """The curves of trials that have not finished, as rows of one array."""

    def __init__(self) -> None:
        self._places: dict[int, int] = {}
        self._rows = np.full((16, len(FRACTIONS)), np.nan)

    def note(self, number: int, curve: Floats) -> None:
        """Keep the curve (K,) of a trial in place of an earlier one."""
        place = self._places.setdefault(number, len(self._places))
        if place == len(self._rows):
            self._rows = np.concatenate([self._rows, np.full_like(self._rows, np.nan)])
        self._rows[place] = curve

    def curves(self, study: StudyMirror, without: int, finished: Container[int]) -> Floats:
        """All curves (n, K); that of the trial `without`, of those that finished and of those that failed are empty."""
        if without in self._places:
            self._rows[self._places[without]] = np.nan
        if study.ranking or study.tally.outcomes["failed"]:
            for number, place in self._places.items():
                if number in finished or study.trials[number].outcome == "failed":
                    self._rows[place] = np.nan
        return self._rows[: len(self._places)]


@dataclass
class _Kept:
    """A study's evidence, and the columns of its trials' search spaces by the identity of these."""

    evidence: RaceEvidence | None = None
    columns: dict[int, tuple[object, int]] = field(default_factory=dict)


def judge(study: StudyMirror, trial: TrialMirror, before: int) -> race.Call:
    """The decision of `auto` on a running trial whose last report before was that of step `before` (0: none).

    It goes on at once where no checkpoint lies between.
    """
    full = _full_length(study)
    last = trial.last_step or 0
    if full is None or not _passes_checkpoint(full, before, last):
        return race.Call(False, "")
    share = trains_to(trial.system_attrs)
    if share is not None and _columns(study, trial) > 1:
        return halving_evidence.judge(study, trial, share, checkpoint_steps(full), _columns(study, trial))
    kept = study.derived(_Kept)
    if kept.evidence is None or kept.evidence.full != full:
        kept.evidence = RaceEvidence(study, full)
    return kept.evidence.judge(study, trial)


def _full_length(study: StudyMirror) -> int | None:
    """The steps of a full training; None while nothing tells."""
    if study.spec is not None and study.spec.max_steps is not None:
        return study.spec.max_steps
    lengths = [study.trials[number].last_step for number in study.completed[-_LENGTH_BY:]]
    return max((length for length in lengths if length), default=None)


def _passes_checkpoint(full: int, before: int, now: int) -> bool:
    """Whether a checkpoint, but the end, lies after step `before` and not after step `now`."""
    needed = checkpoint_steps(full)[:-1]
    return bisect_right(needed, now) > bisect_right(needed, before)


def _stopped_in_a_row(study: StudyMirror, trial: TrialMirror) -> int:
    """How many of the latest trials, at most 500 back, were stopped since the last one that finished."""
    others = (other for other in islice(reversed(study.trials), _LOOK_BACK) if other is not trial)
    return race.stopped_in_a_row(map(_ending, others))


def _ending(trial: TrialMirror) -> race.Ending:
    if trial.outcome == "complete":
        return "finished"
    ended_finite = trial.last_step is None or math.isfinite(trial.intermediate[trial.last_step])
    return "stopped" if trial.outcome == "pruned" and ended_finite else "other"


def _columns(study: StudyMirror, trial: TrialMirror) -> int:
    """How many coordinates the trial's search space has."""
    known = study.derived(_Kept).columns
    kept = known.get(id(trial.distributions))
    if kept is None or kept[0] is not trial.distributions:
        if len(known) > 256:
            known.clear()
        kept = known[id(trial.distributions)] = (trial.distributions, Space(trial.distributions).columns)
    return kept[1]
