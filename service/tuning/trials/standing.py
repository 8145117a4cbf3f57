"""In what state a study is, and why it hands out no trial, in words."""

from lrtune.service.sentences import study as sentences
from lrtune.service.storage.memory.study import StudyMirror
from lrtune.service.tuning.state.budget import is_finished, spent
from lrtune.service.tuning.state.failing import halt_of


def standing_of(study: StudyMirror) -> str:
    """A sentence or two. Under the engine's lock."""
    name, leased = study.name, len(study.leased)
    waiting = len(study.waiting) + len(study.paused_trials)
    if study.stopped:
        return sentences.stopped(name, leased)
    used_up = spent(study)
    if used_up is not None and is_finished(study):
        return _used_up(study, used_up)
    if study.paused:
        return sentences.paused(name, leased)
    halted = halted_text(study)
    if halted is not None:
        return halted
    if used_up is not None:
        counts = study.spec is not None and study.spec.failed_counts
        most = study.max_trials if used_up == "max_trials" else None
        return sentences.last_ones(leased, waiting, most, failed_counts=counts)
    return sentences.running(name, leased, waiting)


def done_text(study: StudyMirror, reason: str) -> str:
    """Why nothing more is to be trained, for a worker that is told `reason`. Under the engine's lock."""
    if reason == "stopped":
        halted = None if study.stopped else halted_text(study)
        return halted or sentences.stopped(study.name, len(study.leased))
    return _used_up(study, reason)


def halted_text(study: StudyMirror) -> str | None:
    """Why the study hands out no trial, where that is because its trials keep failing."""
    row = halt_of(study)
    if row is None or is_finished(study):
        return None
    return sentences.failing(study.name, row.alike, row.failed, row.error, len(study.leased))


def _used_up(study: StudyMirror, used_up: str) -> str:
    spec, tally = study.spec, study.tally
    if used_up == "max_trials" and study.max_trials is not None:
        counts = spec is not None and spec.failed_counts
        return sentences.trials_spent(study.name, study.max_trials, tally.failed_trials, failed_counts=counts)
    if used_up == "max_total_steps" and study.max_total_steps is not None:
        needed = None if spec is None else spec.max_steps
        return sentences.steps_spent(study.name, study.max_total_steps, tally.trained, needed)
    return sentences.exhausted()
