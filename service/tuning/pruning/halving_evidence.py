"""Verdicts on trials that stop at the first rung that they do not lead: those of `AutoPruner` on trials that an
`AutoSampler` drew, at a cost that does not grow with the history.

The pruner looks at the curves of all trials in its window each time. Here they are kept: what has ended does not
change, and what runs is looked at again when it has passed a checkpoint.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from optuna.trial import TrialState

from lrtune.service.storage.memory.study import StudyMirror, TrialMirror
from lrtune.service.storage.schema.attributes import AGAIN_ATTR, whole_number
from lrtune.service.tuning.auto.evidence import Evidence
from lrtune.service.tuning.auto.observed import curve_of, has_diverged
from lrtune.service.tuning.auto.policy import rungs
from lrtune.service.tuning.auto.policy.race import Call
from lrtune.service.tuning.auto.policy.retraining import furthest
from lrtune.service.tuning.fidelity.short_trainings import tells_of_full

_BEST, _LATEST = 100, 150
"""The window of `AutoPruner`."""

_MOST_KEPT = 2_000


@dataclass(frozen=True)
class _Row:
    """A trial as evidence: `curve` (K,), lower is better; `state` is what it was taken from."""

    state: tuple[TrialState, int, int]
    curve: list[float]
    final: float
    diverged: bool
    tells: bool


@dataclass
class _Rows:
    """Trials as evidence by number, for each length of a full training."""

    by_length: dict[int, dict[int, _Row]] = field(default_factory=dict)


def judge(study: StudyMirror, trial: TrialMirror, share: float, needed: Sequence[int], columns: int) -> Call:
    """The decision on a running trial that has just passed a checkpoint and trains until that `share` in any case.

    `needed`: the steps of the checkpoints. `columns`: of the trial's search space. Under the engine's lock.
    """
    reached = bisect_right(needed, trial.last_step or 0) - 1
    if not rungs.decides(reached, share, float(needed[-1])):
        return rungs.earned(reached, share, float(needed[-1]))
    rows: dict[int, _Row] = study.derived(_Rows).by_length.setdefault(needed[-1], {})
    if len(rows) > _MOST_KEPT:
        rows.clear()
    curve = np.array(_row(study, trial, needed, rows).curve)
    found = _rivals(study, trial, needed, rows)
    count = len(found)
    evidence = Evidence(
        cube=np.broadcast_to(0.5, (count, columns)),
        curves=np.array([row.curve for row in found]).reshape(count, len(needed)),
        final=np.array([row.final for row in found]),
        diverged=np.array([row.diverged for row in found], dtype=bool),
    )
    return rungs.judge(evidence, curve, share, float(needed[-1]))


def _rivals(study: StudyMirror, trial: TrialMirror, needed: Sequence[int], rows: dict[int, _Row]) -> list[_Row]:
    """The others: of trials that train the same again the one that came furthest."""
    count, own = len(study.trials), _began_as(trial)
    numbers = set(range(max(0, count - _LATEST), count)).union(study.leased)
    numbers.update(number for _, number in study.ranking[:_BEST])
    if count <= _BEST + _LATEST:
        numbers = set(range(count))
    runs = []
    for number in sorted(numbers):
        other = study.trials[number]
        place = _began_as(other)
        row = _row(study, other, needed, rows)
        if place == own or not row.tells:
            continue
        far = row.diverged or math.isfinite(row.final), -1 if other.last_step is None else other.last_step
        runs.append((place, far, row))
    return list(furthest(runs).values())


def _began_as(trial: TrialMirror) -> int:
    earlier = whole_number(trial.system_attrs, AGAIN_ATTR)
    return trial.number if earlier is None else earlier


def _row(study: StudyMirror, trial: TrialMirror, needed: Sequence[int], rows: dict[int, _Row]) -> _Row:
    reached = bisect_right(needed, trial.last_step) if trial.last_step is not None else -1
    state = (trial.state, reached, trial.work.attempt if trial.work else 0)
    known = rows.get(trial.number)
    if known is None or known.state != state:
        known = rows[trial.number] = _look(study, trial, needed, state)
    return known


def _look(study: StudyMirror, trial: TrialMirror, needed: Sequence[int], state: tuple[TrialState, int, int]) -> _Row:
    sign = -1.0 if study.maximizes else 1.0
    frozen = trial.frozen_copy()
    bad = has_diverged(frozen, failed_counts=False)
    complete = trial.state is TrialState.COMPLETE and not bad and trial.value is not None
    tells = bad or trial.state in (TrialState.COMPLETE, TrialState.RUNNING) or bool(trial.intermediate)
    if trial.state is TrialState.FAIL:
        tells = bad
    full = study.spec.max_steps if study.spec is not None else None
    return _Row(
        state,
        curve_of(trial.intermediate, sign, needed, 1),
        sign * (trial.value or 0.0) if complete else math.nan,
        bad,
        tells and tells_of_full(frozen, full),
    )
