"""The curves that are shown of a study together: of its running trials, its latest and its best. At a cost that grows
neither with its history nor, once a training is over, with the length of its curve."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

import numpy as np

from lrtune.service.rates.thinning import thin
from lrtune.service.storage.memory.study import StudyMirror, TrialMirror
from lrtune.service.tuning.views.trials import trial_view
from lrtune.service.wire.trials import Report, Trial, TrialWithCurve

_LATEST = 1_000
"""Trials among which those that reported are looked for."""


@dataclass
class _Kept:
    """Thinned curves of trials that are over, by number."""

    curves: dict[int, TrialWithCurve] = field(default_factory=dict)


@dataclass(frozen=True)
class CurveSeen:
    """A trial as it was, and its curve as it was reported: in any order, as long as it is; none where it is kept."""

    trial: Trial
    reported: list[tuple[int, float]]

    def thinned(self, most: int) -> TrialWithCurve:
        """The trial with at most so many points of its curve, its extremes among them. In any thread."""
        reported = sorted(self.reported)
        kept = thin(np.array([value for _, value in reported], dtype=float), most)
        curve = [Report.model_construct(step=reported[at][0], value=reported[at][1]) for at in kept]
        return TrialWithCurve.model_construct(**dict(self.trial), curve=curve, diagnosis=None)


def shown_numbers(study: StudyMirror, most: int) -> list[int]:
    """Of which trials curves are shown, by number: the best, the running ones, and the latest that reported."""
    best = study.best
    chosen = dict.fromkeys([] if best is None or best.last_step is None else [best.number])
    running = (number for number, trial in reversed(study.leased.items()) if trial.last_step is not None)
    chosen |= dict.fromkeys(islice(running, most - 1))
    for trial in reversed(study.trials[-_LATEST:]):
        if len(chosen) >= most:
            break
        if trial.last_step is not None:
            chosen[trial.number] = None
    return sorted(chosen)


def look_at_curves(study: StudyMirror, numbers: list[int]) -> Iterator[CurveSeen | TrialWithCurve]:
    """Each of the trials, in a step of its own; those that are over as they were thinned before, where they were."""
    kept = study.derived(_Kept).curves
    for number in list(kept):
        if number not in numbers:
            del kept[number]
    for number in numbers:
        study.check_kept()
        trial = study.trials[number]
        yield kept[number] if number in kept and _is_over(trial) else _seen(trial)


def keep_curves(study: StudyMirror, shown: list[TrialWithCurve]) -> None:
    """Keep the curves of those that are over. Under the engine's lock."""
    kept = study.derived(_Kept).curves
    kept |= {one.number: one for one in shown if one.state not in ("running", "waiting")}


def _seen(trial: TrialMirror) -> CurveSeen:
    return CurveSeen(trial_view(trial), list(trial.intermediate.items()))


def _is_over(trial: TrialMirror) -> bool:
    return trial.state.is_finished()
