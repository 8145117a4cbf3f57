"""How a study came to its best value, and what it has spent. All of it under the engine's lock."""

from collections.abc import Sequence

import numpy as np

from lrtune.service.pictures.progress.best import BestSoFar, Reached, Spent
from lrtune.service.pictures.progress.budget import StepsSpent
from lrtune.service.pictures.progress.compare import Compared
from lrtune.service.storage.memory.progress import Mark
from lrtune.service.storage.memory.study import StudyMirror
from lrtune.service.tuning.suggesting.suggestion import latest

_MOST_POINTS = 400


def best_of(study: StudyMirror) -> BestSoFar:
    """The study's improvements, and complete trials evenly over the order in which they ended."""
    assert study.spec is not None
    progress = study.progress
    begun = _begun(study)
    complete = len(study.completed)
    drawn = min(complete, _MOST_POINTS)
    numbers = [study.completed[at * complete // drawn] for at in range(drawn)]
    return BestSoFar(
        study=study.name,
        metric=study.spec.measured,
        maximizes=study.maximizes,
        improvements=[Reached(one.number, one.value, _spent(one.mark, begun)) for one in progress.improvements],
        others=_reached(study, numbers, begun),
        complete=complete,
        now=_now(study, begun),
    )


def budget_of(study: StudyMirror) -> StepsSpent:
    """Where its steps went."""
    tally = study.tally
    outcomes = ("complete", "pruned", "diverged", "failed", "running", "waiting")
    steps = {name: max(0, tally.reached[name]) for name in outcomes}
    return StepsSpent(study.name, **steps, lost=max(0, tally.lost), saved=max(0, tally.saved_by_pruning))


def compared(study: StudyMirror) -> Compared:
    """The study beside others."""
    suggestion = latest(study)
    return Compared(
        progress=best_of(study),
        learning_rate=suggestion.learning_rate,
        interval=suggestion.interval,
        expected_value=suggestion.expected_value,
    )


def _begun(study: StudyMirror) -> float:
    """When its first trial began; when it was made, where nothing tells."""
    known = [trial.started_at for trial in study.trials[:20] if trial.started_at is not None]
    marks = study.progress.marks
    return min([*known, *(mark.at for mark in marks[:1] if mark.at > 0)], default=study.created_at)


def _now(study: StudyMirror, begun: float) -> Spent:
    marks = study.progress.marks
    ended = sum(study.tally.outcomes[name] for name in ("complete", "pruned", "diverged", "failed"))
    last = marks[-1].at if marks else begun
    until = max(last, study.updated_at) if study.leased else last
    return Spent(ended, study.tally.trained, max(0.0, until - begun))


def _spent(mark: Mark, begun: float) -> Spent:
    return Spent(mark.ended, mark.trained, max(0.0, mark.at - begun))


def _reached(study: StudyMirror, numbers: Sequence[int], begun: float) -> list[Reached]:
    """What those trials came to, and what had been spent when they ended: between marks as the marks tell."""
    marks = study.progress.marks
    if not numbers or not marks:
        return []
    trials = [study.trials[number] for number in numbers]
    ended_at = np.array([trial.finished_at or begun for trial in trials])
    times = np.array([mark.at for mark in marks])
    ended = np.interp(ended_at, times, [mark.ended for mark in marks])
    steps = np.interp(ended_at, times, [mark.trained for mark in marks])
    rows = zip(trials, ended_at.tolist(), ended.tolist(), steps.tolist(), strict=True)
    return [
        Reached(trial.number, trial.values[0], Spent(round(count), round(spent), max(0.0, at - begun)))
        for trial, at, count, spent in rows
        if trial.values
    ]
