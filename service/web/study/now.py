"""The parts `now` and `actions`: in what state the study is, how far, and what one may do about it."""

from lrtune.service.access.principal import Principal
from lrtune.service.api.container import Container
from lrtune.service.sentences import study_page as words
from lrtune.service.sentences.study import state_word
from lrtune.service.storage.memory.study import StudyMirror
from lrtune.service.tuning.state.budget import counted_trials
from lrtune.service.tuning.views.studies import status_view, study_view
from lrtune.service.web.study.pace import Left, time_left
from lrtune.service.web.study.told import Told

_LOOKED_AT = 200
_OUTCOMES = ("running", "waiting", "complete", "pruned", "diverged", "failed")


async def tell_now(parts: Container, study: StudyMirror, _caller: Principal) -> Told:
    """What the template `now` is told."""
    await parts.studies.settled(study)
    with parts.engine.lock:
        status, counted = status_view(study), counted_trials(study)
        left, running = _left(study, _to_end(study, counted), parts.engine.clock()), len(study.leased)
        max_trials, max_total_steps = study.max_trials, study.max_total_steps
    counts = status.trials.model_dump()
    return {
        "status": status,
        "state": "halted" if status.halted else status.state,
        "word": "halted" if status.halted else state_word(status.state, status.workers),
        "counts": [(name, counts[name]) for name in _OUTCOMES],
        "trials": None if max_trials is None else (min(counted - running, max_trials), max_trials),
        "steps": None if max_total_steps is None else (min(status.steps.trained, max_total_steps), max_total_steps),
        "left": None if left is None else words.left(left.seconds, left.trials),
    }


def _left(study: StudyMirror, to_end: float | None, now: float) -> Left | None:
    """Times of the latest trials, and of those in training; under the engine's lock."""
    took = [
        trial.finished_at - trial.started_at
        for trial in study.trials[-_LOOKED_AT:]
        if trial.finished_at is not None and trial.started_at is not None and trial.work is not None
    ]
    under_way = [now - trial.started_at for trial in study.leased.values() if trial.started_at is not None]
    return time_left(took, to_end, under_way)


def _to_end(study: StudyMirror, counted: int) -> float | None:
    """How many trials have still to end: by the budget that is used up first."""
    under_way, found = len(study.leased), []
    if study.max_trials is not None:
        found.append(float(study.max_trials - counted + under_way))
    ended = len(study.trials) - under_way
    if study.max_total_steps is not None and ended > 0 and study.tally.trained:
        found.append((study.max_total_steps - study.tally.trained) * ended / study.tally.trained)
    return min(found, default=None)


async def tell_actions(parts: Container, study: StudyMirror, _caller: Principal) -> Told:
    """What the template `actions` is told."""
    await parts.studies.settled(study)
    with parts.engine.lock:
        shown = study_view(study)
        halted = status_view(study).halted is not None
    return {"shown": shown, "halted": halted, "goes": shown.state == "running", "stopped": shown.stopped}
