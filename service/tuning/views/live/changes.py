"""What of a study's trials has changed since a version. Under the engine's lock; a millisecond or two."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lrtune.service.rates.thinning import thin
from lrtune.service.storage.memory.recent import Recent
from lrtune.service.storage.memory.study import StudyMirror, TrialMirror
from lrtune.service.tuning.state.space.fixed_params import fixed_params
from lrtune.service.tuning.views.trials import shown_params
from lrtune.service.wire.base import show_loss
from lrtune.service.wire.trials import FEWEST_POINTS

_MOST_TRIALS = 40
"""Told one by one."""
_MOST_POINTS = 240
"""Of all their curves."""
_LONGEST_CURVE = 1_000
"""Of a trial that comes with its whole curve, a training done elsewhere say, a longer one is not told."""

Shown = dict[str, Any]


@dataclass
class _Seen:
    """What of a trial changed."""

    begun: bool = False
    steps: set[int] = field(default_factory=set)


def changed_trials(study: StudyMirror, recent: Recent, version: int) -> tuple[list[Shown], int]:
    """The trials that changed after `version`, as `wire.events.ChangedTrial`, the latest first; and how many others
    did."""
    seen: dict[int, _Seen] = {}
    others: set[int] = set()
    for touched in recent.since(version):
        one = seen.get(touched.number)
        if one is None:
            if len(seen) == _MOST_TRIALS:
                others.add(touched.number)
                continue
            one = seen[touched.number] = _Seen()
        one.begun |= touched.begun
        if touched.step is not None:
            one.steps.add(touched.step)
    share = max(FEWEST_POINTS, _MOST_POINTS // max(1, len(seen)))
    return [_shown(study.trials[number], one, share) for number, one in seen.items()], len(others)


def _shown(trial: TrialMirror, seen: _Seen, most_points: int) -> Shown:
    work = trial.work
    shown: Shown = {
        "number": trial.number,
        "state": trial.outcome,
        "attempt": 0 if work is None else work.attempt,
        "worker": None if work is None else work.worker,
        "step": trial.last_step,
        "value": None if trial.value is None else show_loss(trial.value),
    }
    if seen.begun:
        shown["params"] = {name: _finite(value) for name, value in _params(trial).items()}
    if reports := _reports(trial, seen, most_points):
        shown["reports"] = reports
    return shown


def _params(trial: TrialMirror) -> dict[str, object]:
    return shown_params(trial.params or fixed_params(trial))


def _finite(value: object) -> object:
    return show_loss(value) if isinstance(value, float) else value


def _reports(trial: TrialMirror, seen: _Seen, most: int) -> list[tuple[int, float | str]]:
    curve = trial.intermediate
    whole = seen.begun and len(curve) <= _LONGEST_CURVE
    steps = sorted(curve if whole else (step for step in seen.steps if step in curve))
    if len(steps) > most:
        values = np.array([curve[step] for step in steps], np.float64)
        steps = [steps[index] for index in thin(values, most).tolist()]
    return [(step, show_loss(curve[step])) for step in steps]
