"""Optuna's trials as evidence."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import dropwhile

import numpy as np
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from lrtune.service.storage.schema.attributes import DIVERGED_ATTR
from lrtune.service.tuning.auto.evidence import FRACTIONS, Evidence, Floats, checkpoint_steps
from lrtune.service.tuning.auto.space import Space

_BEST, _LATEST = 100, 150


@dataclass(frozen=True)
class Length:
    """How steps are counted: the first one's number, and how many make a full training."""

    first: int
    full: float


def has_diverged(trial: FrozenTrial, failed_counts: bool = True) -> bool:
    """Whether a finished trial tells of divergence: marked so, or its result or its last report is not finite.

    Optuna records a result of `nan` as FAIL and keeps no reason: with `failed_counts`, a FAIL without any report
    is taken for one.
    """
    if DIVERGED_ATTR in trial.system_attrs:
        return True
    if trial.state is TrialState.COMPLETE:
        return trial.value is None or not math.isfinite(trial.value)
    if trial.state not in (TrialState.PRUNED, TrialState.FAIL):
        return False
    reported = trial.intermediate_values
    if reported:
        return not math.isfinite(reported[max(reported)])
    return failed_counts and trial.state is TrialState.FAIL and bool(trial.params)


def length_of(trials: Sequence[FrozenTrial], max_steps: int | None) -> Length:
    """By the longest curve of a complete trial, else of any, unless `max_steps` is given."""
    curves = [t.intermediate_values for t in trials if t.intermediate_values]
    first = min((min(curve) for curve in curves), default=1)
    first = min(first, 1)
    complete = [t.intermediate_values for t in trials if t.state is TrialState.COMPLETE and t.intermediate_values]
    longest = max((max(curve) for curve in complete or curves), default=first)
    return Length(first, float(max_steps) if max_steps is not None else float(longest - first + 1))


def window(trials: Sequence[FrozenTrial], direction: StudyDirection) -> list[FrozenTrial]:
    """All running trials, the latest and the best: what a decision looks at, however long the history."""
    if len(trials) <= _BEST + _LATEST:
        return list(trials)
    sign = -1.0 if direction is StudyDirection.MAXIMIZE else 1.0
    complete = [(sign * t.value, t.number) for t in trials if t.state is TrialState.COMPLETE and t.value is not None]
    chosen = {number for _, number in sorted(complete)[:_BEST]}
    earlier = [t for t in trials[:-_LATEST] if t.number in chosen or t.state is TrialState.RUNNING]
    return [*earlier, *trials[-_LATEST:]]


def observe(
    trials: Sequence[FrozenTrial],
    space: Space,
    direction: StudyDirection,
    length: Length,
    failed_counts: bool = True,
    curves_of: int | None = None,
    failing: Sequence[FrozenTrial] | None = None,
) -> Evidence:
    """The trials that say something about the space (`tells`), in their order.

    `curves_of`: only so many of the latest complete trials have their curves looked at; the others' are left NaN.
    `failing`: where those that failed are looked for, if not among the `trials`.
    """
    complete_ones = [t.number for t in trials if t.state is TrialState.COMPLETE]
    from_number = 0 if curves_of is None or len(complete_ones) <= curves_of else sorted(complete_ones)[-curves_of]
    rows, curves, final_losses, diverged = [], [], [], []
    sign = -1.0 if direction is StudyDirection.MAXIMIZE else 1.0
    needed = checkpoint_steps(length.full)
    for trial in trials:
        if not tells(trial, failed_counts):
            continue
        bad = has_diverged(trial, failed_counts)
        rows.append(trial.params)
        looked_at = trial.state is not TrialState.COMPLETE or trial.number >= from_number
        curves.append(curve_of(trial.intermediate_values if looked_at else {}, sign, needed, length.first))
        complete = trial.state is TrialState.COMPLETE and not bad
        final_losses.append(sign * trial.value if complete and trial.value is not None else math.nan)
        diverged.append(bad)
    count = len(rows)
    return Evidence(
        cube=space.encode_all(rows),
        curves=np.array(curves).reshape(count, len(FRACTIONS)),
        final=np.array(final_losses, dtype=float),
        diverged=np.array(diverged, dtype=bool),
        failed=_failures(trials if failing is None else failing, space, failed_counts),
    )


def _failures(trials: Sequence[FrozenTrial], space: Space, failed_counts: bool) -> Floats:
    """The points (m, columns) of the `trials`, in their order, that failed, but not by diverging.

    Those that failed before any training worked are left out: a mistake that was mended since says nothing of the
    space, and beside the first trials that work it would look as if all else failed.
    """
    since = dropwhile(lambda trial: not _worked(trial), trials)
    failed = (t for t in since if t.state is TrialState.FAIL and t.params and not has_diverged(t, failed_counts))
    return space.encode_all([trial.params for trial in failed])


def _worked(trial: FrozenTrial) -> bool:
    """Whether the training did not fail, and has come to something."""
    if trial.state in (TrialState.COMPLETE, TrialState.PRUNED):
        return True
    return trial.state is TrialState.RUNNING and bool(trial.intermediate_values)


def curve_of(reported: Mapping[int, float], sign: float, needed: Sequence[int], first: int) -> list[float]:
    """The best of the values `reported` by step until each checkpoint, NaN past what was trained."""
    values = [math.nan] * len(needed)
    steps = sorted(reported)
    if not steps:
        return values
    lowest, place = math.inf, 0
    for step in steps:
        while place < len(needed) and needed[place] + first - 1 < step:
            values[place] = lowest if math.isfinite(lowest) else math.nan
            place += 1
        lowest = min(lowest, sign * reported[step])
    for late in range(place, len(needed)):
        if needed[late] + first - 1 == steps[-1] and math.isfinite(lowest):
            values[late] = lowest
    return _filled(values)


def _filled(values: list[float]) -> list[float]:
    """Curves begin at the first checkpoint: where the first report came later, its value stands for those before."""
    known = [index for index, value in enumerate(values) if math.isfinite(value)]
    if known:
        values[: known[0]] = [values[known[0]]] * known[0]
    return values


def as_curve(trial: FrozenTrial, direction: StudyDirection, length: Length) -> Floats:
    """`curve_of` with everything derived, shape (K,)."""
    sign = -1.0 if direction is StudyDirection.MAXIMIZE else 1.0
    return np.array(curve_of(trial.intermediate_values, sign, checkpoint_steps(length.full), length.first))


def tells(trial: FrozenTrial, failed_counts: bool = True) -> bool:
    """Whether a trial says something about the space: it neither waits nor failed by accident."""
    if trial.state in (TrialState.COMPLETE, TrialState.RUNNING) or has_diverged(trial, failed_counts):
        return True
    return trial.state is TrialState.PRUNED and bool(trial.intermediate_values)
