"""How a trial ends, as far as its own words and reports say; and which steps it may have."""

import math
from collections.abc import Sequence

from lrtune.service.storage.commit.changes import Change
from lrtune.service.storage.memory.study import TrialMirror
from lrtune.service.storage.schema.attributes import EXPLANATION_ATTR
from lrtune.service.tuning.errors import InvalidField
from lrtune.service.wire.trials import Checkpoint, Report, Result


def check_steps(max_steps: int | None, whose: str, reports: Sequence[Report], checkpoint: Checkpoint | None) -> None:
    """Raise InvalidField where a step lies beyond `max_steps`; `whose` says what set that."""
    if max_steps is None:
        return
    beyond = f"is beyond {whose} max_steps, {max_steps}; steps count from 0 to that"
    for index, report in enumerate(reports):
        if report.step > max_steps:
            raise InvalidField(("reports", index, "step"), f"{report.step} {beyond}")
    if checkpoint is not None and checkpoint.step > max_steps:
        raise InvalidField(("checkpoint", "step"), f"{checkpoint.step} {beyond}")


def outcome_of(trial: TrialMirror, state: str, value: float | None) -> tuple[str, float | None]:
    """The outcome to record: a complete trial takes its last report where it brings no value, and is diverged where
    that is not finite. Raises InvalidField."""
    if state != "complete":
        return state, None
    if value is None:
        if trial.last_step is None:
            raise InvalidField(("value",), "is missing: a complete trial without reports needs its final value")
        value = trial.intermediate[trial.last_step]
    return ("complete", value) if math.isfinite(value) else ("diverged", None)


def ended_by(trial: TrialMirror, body: Result) -> bool:
    """Whether the trial has ended by this very result, of which this is a replay."""
    work = trial.work
    if work is None or work.lease != body.lease or not trial.state.is_finished():
        return False
    if body.state == "complete" and (body.value is not None or trial.last_step is not None):
        outcome, value = outcome_of(trial, body.state, body.value)
        return trial.outcome == outcome and trial.value == value
    return trial.outcome == body.state


STANDARD_ERROR = "standard_error"
"""A user attribute of Optuna's, so that its dashboard and its scripts show it."""


def keep_standard_error(change: Change, trial: TrialMirror, standard_error: float | None) -> None:
    """Keep the standard error of a complete trial's value."""
    if standard_error is not None and trial.outcome == "complete":
        change.set_trial_attr(trial, STANDARD_ERROR, standard_error, system=False)


def standard_error_of(trial: TrialMirror) -> float | None:
    """What was kept of it. Others may write user attributes, too: what is no such number does not count."""
    kept = trial.user_attrs.get(STANDARD_ERROR)
    if isinstance(kept, bool) or not isinstance(kept, int | float) or not math.isfinite(kept):
        return None
    return float(kept)


_LONGEST = 500


def explain(change: Change, trial: TrialMirror, explanation: str) -> None:
    """Keep why a trial was stopped or paused."""
    change.set_trial_attr(trial, EXPLANATION_ATTR, explanation[:_LONGEST], system=True)


def explanation_of(trial: TrialMirror) -> str | None:
    """Why the trial was stopped or paused, the last time it was; None where it was not."""
    kept = trial.system_attrs.get(EXPLANATION_ATTR)
    return kept if isinstance(kept, str) else None
