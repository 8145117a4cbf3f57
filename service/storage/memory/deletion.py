"""A study that is deleted: whether it is small, and what is remembered of it."""

from typing import Any

from lrtune.service.storage.memory.study import StudyMirror
from lrtune.service.wire.base import show_loss

_SMALL_TRIALS, _SMALL_ROWS, _SMALL_RANGE_TESTS = 100, 1_000, 10


def is_small(study: StudyMirror) -> bool:
    """Whether all rows of a study can go in the transaction of its deletion: in a millisecond or two."""
    if len(study.trials) > _SMALL_TRIALS or len(study.range_tests) > _SMALL_RANGE_TESTS:
        return False
    put_away = sum(trial.work.lost_steps for trial in study.trials if trial.work is not None)
    attrs = sum(len(trial.user_attrs) + len(trial.system_attrs) for trial in study.trials)
    return put_away + attrs + sum(len(trial.intermediate) for trial in study.trials) <= _SMALL_ROWS


def remembered(study: StudyMirror, *, unread: bool = False) -> dict[str, Any]:
    """How many trials of each outcome it had, the best of them, its range tests and its budget, as JSON. Of one that
    was left `unread` nothing is known."""
    if unread:
        return {"unreadable": True}
    best = study.best
    found: dict[str, Any] = {
        "trials": {outcome: count for outcome, count in study.tally.outcomes.items() if count},
        "best": None if best is None or best.value is None else {"trial": best.number, "value": show_loss(best.value)},
    }
    if study.spec is not None:
        found |= {"range_tests": len(study.range_tests), "trained_steps": study.tally.trained}
        found |= {"max_trials": study.max_trials, "max_total_steps": study.max_total_steps}
    return found
