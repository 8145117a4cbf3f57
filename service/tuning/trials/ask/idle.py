"""How a study stood when it had no trial for a worker. Idle workers ask again every other second, and need no new
choice until a trial ends or is paused. Under the engine's lock."""

from dataclasses import dataclass

from lrtune.service.storage.memory.study import StudyMirror
from lrtune.service.wire.trials import Ask


@dataclass
class _Idle:
    """What was found, and how the study stood then."""

    none_earned: tuple[object, ...] | None = None
    ladder_waits: tuple[object, ...] | None = None
    ladder_over: bool = False


def note_none_earned(study: StudyMirror, ask: Ask) -> None:
    """No paused trial had earned more steps."""
    study.derived(_Idle).none_earned = _state_of(study, ask)


def none_has_earned(study: StudyMirror, ask: Ask) -> bool:
    """Whether that was found, and trials in training may change it, but have not."""
    return bool(study.leased) and study.derived(_Idle).none_earned == _state_of(study, ask)


def note_ladder_waits(study: StudyMirror, ask: Ask) -> None:
    """The ladder waited for trials in training."""
    study.derived(_Idle).ladder_waits = _state_of(study, ask)


def ladder_waits(study: StudyMirror, ask: Ask) -> bool:
    """Whether it still does."""
    return bool(study.leased) and study.derived(_Idle).ladder_waits == _state_of(study, ask)


def note_ladder_over(study: StudyMirror) -> None:
    """The ladder asked for no further training."""
    study.derived(_Idle).ladder_over = True


def ladder_is_over(study: StudyMirror) -> bool:
    """Whether that was found."""
    return study.derived(_Idle).ladder_over


def _state_of(study: StudyMirror, ask: Ask) -> tuple[object, ...]:
    outcomes = study.tally.outcomes
    ended = tuple(outcomes[outcome] for outcome in ("complete", "pruned", "diverged", "failed"))
    budget = study.max_trials, study.max_total_steps
    return ended, len(study.paused_trials), tuple(sorted(study.leased)), budget, ask.resumable
