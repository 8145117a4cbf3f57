"""What a trial's curve says about its learning rate, with what the study knows beside it.

What is known of the study is read under the engine's lock, at a cost that does not grow with the curve or the history;
the verdict is worked out from that and the curve, in any thread.
"""

import math
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lrtune.service.rates.diagnosis import Diagnosis as Found
from lrtune.service.rates.diagnosis import Direction, diagnose
from lrtune.service.rates.loss_curve import LAST_REPORTS, end_of
from lrtune.service.sentences import diagnosis as sentences
from lrtune.service.storage.memory.study import StudyMirror, TrialMirror
from lrtune.service.tuning.fidelity.short_trainings import is_short
from lrtune.service.tuning.state.folds import steps_are_folds
from lrtune.service.tuning.state.space.rates import rate_in
from lrtune.service.tuning.suggesting.compute import categories_of
from lrtune.service.tuning.suggesting.peers import peers_of
from lrtune.service.tuning.suggesting.suggestion import latest, stability_of
from lrtune.service.wire.learning_rates import main_learning_rate
from lrtune.service.wire.trials import Diagnosis

_MOST_POINTS = 1_000
_FEWEST_COMPLETE = 3
"""So many complete trials of its own setting a trial needs before their best says how good a run can be."""


@dataclass(frozen=True)
class Circumstances:
    """What is known of a trial beside its curve."""

    outcome: str
    last_step: int | None
    folds: bool
    direction: Direction
    learning_rate: Any
    largest_stable: float | None
    value: float | None
    """Its final value, where it is complete."""
    best: float | None
    """The value of the best trial of its setting, at the same step."""
    best_end: tuple[float, float] | None
    """Where it ends and the error of that, where this one is complete, too."""
    best_rate: float | None
    suggested: tuple[float, float] | None
    others_vary: bool
    untrained: float | None


def circumstances_of(study: StudyMirror, trial: TrialMirror) -> Circumstances:
    """What is known of the trial now. Under the engine's lock."""
    assert study.spec is not None
    space = study.spec.search_space
    name = main_learning_rate(space)
    rate = rate_in(trial.params, name)
    peers = peers_of(study)
    categories = categories_of(trial.params, space)
    best = _best_of(study, trial)
    return Circumstances(
        outcome=trial.outcome,
        last_step=trial.last_step,
        folds=steps_are_folds(study.spec),
        direction="maximize" if study.maximizes else "minimize",
        learning_rate=rate,
        largest_stable=_largest_stable(study, categories) if rate is not None else None,
        value=trial.value if trial.outcome == "complete" else None,
        best=None if best is None else _value_beside(best, trial),
        best_end=_end_of(best) if best is not None and trial.outcome == "complete" else None,
        best_rate=None if best is None else rate_in(best.params, name),
        suggested=_suggested(study, categories) if rate is not None else None,
        others_vary=bool(set(space) - set(categories) - {name}),
        untrained=peers.untrained,
    )


def diagnose_curve(known: Circumstances, steps: NDArray[np.int64], values: NDArray[np.float64]) -> Diagnosis:
    """The verdict on a trial with this curve, `steps` (n,) rising and `values` (n,), and its evidence."""
    found = look_at_curve(known, steps, values)
    return Diagnosis(verdict=found.verdict, evidence=list(found.evidence))


def look_at_curve(known: Circumstances, steps: NDArray[np.int64], values: NDArray[np.float64]) -> Found:
    """The same, with the steps at which the evidence is seen."""
    finite = np.isfinite(values)
    if known.outcome == "diverged" and finite.all():
        return Found("diverged", (sentences.ended_as_diverged(known.last_step),))
    if known.folds and (known.outcome != "complete" or known.best is None):
        return Found("unclear", (sentences.of_folds(),))
    kept = np.array([], dtype=np.intp) if known.folds else _thinned(finite)
    return diagnose(
        steps[kept].tolist(),
        values[kept].tolist(),
        direction=known.direction,
        learning_rate=known.learning_rate,
        largest_stable_learning_rate=known.largest_stable,
        suggested_learning_rates=known.suggested,
        best_value=known.best,
        best_end=None if known.folds else known.best_end,
        best_learning_rate=known.best_rate,
        others_vary=known.others_vary,
        is_over=known.outcome == "complete",
        final_value=known.value,
        initial_value=known.untrained,
    )


def _largest_stable(study: StudyMirror, categories: dict[str, Any]) -> float | None:
    stability = stability_of(study)
    return None if stability is None else stability.largest_stable(categories)


def _suggested(study: StudyMirror, categories: dict[str, Any]) -> tuple[float, float] | None:
    """The suggestion's interval, where it rests on trials and holds for this setting."""
    assert study.spec is not None
    suggestion = latest(study)
    if suggestion.basis in ("prior", "range_test"):
        return None
    meant = categories_of(suggestion.params, study.spec.search_space)
    return suggestion.interval if meant == categories else None


def _best_of(study: StudyMirror, trial: TrialMirror) -> TrialMirror | None:
    """The best trial of this one's setting, its optimizer and the like, once enough of them are complete. None for a
    short training, whose curve no other's can be compared with."""
    assert study.spec is not None
    if is_short(trial.system_attrs, study.spec.max_steps):
        return None
    setting = peers_of(study).of(categories_of(trial.params, study.spec.search_space))
    if setting.complete < _FEWEST_COMPLETE:
        return None
    sign = -1.0 if study.maximizes else 1.0
    return min((study.trials[number] for _, number in setting.ranking), key=lambda one: sign * _end_of(one)[0])


def _end_of(trial: TrialMirror) -> tuple[float, float]:
    """Where a complete trial ends, and the error of that: where reports jump about, the best of several is not the one
    that was lucky last. The cost does not grow with the reports."""
    reports = [value for _, value in sorted(islice(reversed(trial.intermediate.items()), LAST_REPORTS))]
    assert trial.value is not None
    if not reports or reports[-1] != trial.value:
        return trial.value, 0.0
    end = end_of(reports, len(trial.intermediate))
    return end.level, end.error


def _value_beside(best: TrialMirror, trial: TrialMirror) -> float | None:
    """The best trial's value at the last step of this one: of its end, for a complete one."""
    if trial.outcome == "complete":
        return best.value
    return None if trial.last_step is None else best.intermediate.get(trial.last_step)


def _thinned(finite: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Which points to look at, at most about a thousand: every so many, the last, and the first that is not finite."""
    count = len(finite)
    stride = max(1, math.ceil(count / _MOST_POINTS))
    broken = np.flatnonzero(~finite)[:1]
    return np.unique(np.concatenate([np.arange(0, count, stride), broken, np.arange(count)[-1:]]))
