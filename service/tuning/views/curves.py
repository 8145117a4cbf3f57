"""One trial with its curve, however long that is.

The head is read under the engine's lock; the curve is put in order and thinned in a thread, and becomes JSON in slices.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from lrtune.service.rates.thinning import thin
from lrtune.service.storage.memory.study import StudyMirror
from lrtune.service.tuning.suggesting.diagnosis import Circumstances, circumstances_of, diagnose_curve
from lrtune.service.tuning.trials.fence import find_trial
from lrtune.service.tuning.views.trials import trial_view
from lrtune.service.wire.base import show_loss
from lrtune.service.wire.trials import Diagnosis, Trial

POINTS_A_SLICE = 1_000
_READ_AT_ONCE = 10_000
_POINTS = TypeAdapter(list[Any])


@dataclass(frozen=True)
class TrialSeen:
    """A trial as it was; of its curve, the steps that it had. What was reported at a step does not change."""

    head: Trial
    known: Circumstances
    steps: list[int]
    curve: Mapping[int, float]

    def work_out(self, max_points: int | None) -> "TrialShown":
        """The curve in order, thinned to `max_points` where that is given, and what it says. In any thread."""
        steps, values = self.in_order()
        diagnosis = diagnose_curve(self.known, steps, values)
        if max_points is not None:
            kept = thin(values, max_points)
            steps, values = steps[kept], values[kept]
        return TrialShown(self.head, steps, values, diagnosis)

    def in_order(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The curve by step: steps (n,) and values (n,). In any thread."""
        return in_order(self.steps, self.curve)


@dataclass(frozen=True)
class TrialShown:
    """What is shown of a trial: a `TrialWithCurve`, in parts."""

    head: Trial
    steps: NDArray[np.int64]
    values: NDArray[np.float64]
    diagnosis: Diagnosis

    @property
    def is_short(self) -> bool:
        """Whether it takes no more than a slice."""
        return len(self.steps) <= POINTS_A_SLICE

    def slices(self) -> Iterator[bytes]:
        """Its JSON; a step of the generator takes some milliseconds."""
        yield self.head.model_dump_json().encode()[:-1] + b',"curve":['
        for start in range(0, len(self.steps), POINTS_A_SLICE):
            chosen = slice(start, start + POINTS_A_SLICE)
            pairs = zip(self.steps[chosen].tolist(), self.values[chosen].tolist(), strict=True)
            shown = _POINTS.dump_json([{"step": step, "value": shown_value(value)} for step, value in pairs])[1:-1]
            yield (b"," if start else b"") + shown
        yield b'],"diagnosis":' + self.diagnosis.model_dump_json().encode() + b"}"


def in_order(steps_there: Sequence[int], curve: Mapping[int, float]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Of a curve, those steps in their order: steps (n,) and values (n,). In any thread; it is read a little at a time,
    so that other threads get in between."""
    count = len(steps_there)
    steps, values = np.empty(count, np.int64), np.empty(count, np.float64)
    for start in range(0, count, _READ_AT_ONCE):
        some = steps_there[start : start + _READ_AT_ONCE]
        steps[start : start + len(some)] = some
        values[start : start + len(some)] = [curve[step] for step in some]
    if (np.diff(steps) < 0).any():
        order = np.argsort(steps)
        steps, values = steps[order], values[order]
    return steps, values


def look_at_trial(study: StudyMirror, number: int) -> TrialSeen:
    """What is shown of a trial and its curve. Under the engine's lock. Raises TrialNotFound."""
    trial = find_trial(study, number)
    curve = trial.intermediate
    return TrialSeen(trial_view(trial), circumstances_of(study, trial), list(curve), curve)


def shown_value(value: float) -> float | str:
    """As `Loss` shows it, whose model costs more than all the rest."""
    return value if math.isfinite(value) else show_loss(value)
