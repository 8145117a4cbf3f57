"""What the outside sees of trials: one, pages, CSV. From the mirror; all of it under the engine's lock."""

import csv
import io

from lrtune.service.storage.memory.study import StudyMirror, TrialMirror
from lrtune.service.storage.schema.attributes import AGAIN_ATTR, DRAWN_ATTR, FIXED_ATTR
from lrtune.service.tuning.errors import InvalidField
from lrtune.service.tuning.state.outcomes import explanation_of, standard_error_of
from lrtune.service.tuning.suggesting.diagnosis import diagnose_trial
from lrtune.service.tuning.trials.leases import find_trial
from lrtune.service.tuning.trials.replicates import repeated_by
from lrtune.service.tuning.views.times import as_datetime
from lrtune.service.wire.trials import Checkpoint, Drawn, Report, Trial, TrialWithCurve

_COLUMNS = (
    "number",
    "state",
    "value",
    "standard_error",
    "attempt",
    "worker",
    "step",
    "max_steps",
    "started_at",
    "finished_at",
    "duration_seconds",
    "error",
)


def trial_view(trial: TrialMirror) -> Trial:
    """A trial without its curve."""
    return Trial.model_validate(_trial_fields(trial))


def trial_with_curve(study: StudyMirror, number: int) -> TrialWithCurve:
    """A trial with its curve, by step, and what that says. Raises TrialNotFound."""
    trial = find_trial(study, number)
    curve = [Report(step=step, value=value) for step, value in sorted(trial.intermediate.items())]
    fields = {**_trial_fields(trial), "curve": curve, "diagnosis": diagnose_trial(study, trial)}
    return TrialWithCurve.model_validate(fields)


def _trial_fields(trial: TrialMirror) -> dict[str, object]:
    work = trial.work
    checkpoint = None
    if work is not None and work.checkpoint_uri is not None and work.checkpoint_step is not None:
        checkpoint = Checkpoint(uri=work.checkpoint_uri, step=work.checkpoint_step)
    duration = None
    if trial.started_at is not None and trial.finished_at is not None:
        duration = round(trial.finished_at - trial.started_at, 6)
    return {
        "number": trial.number,
        "state": trial.outcome,
        "params": trial.params or dict(trial.system_attrs.get(FIXED_ATTR, {})),
        "value": trial.value,
        "standard_error": standard_error_of(trial),
        "attempt": work.attempt if work is not None else 0,
        "repeats": repeated_by(trial),
        "again": trial.system_attrs.get(AGAIN_ATTR),
        "drawn": _drawn(trial),
        "worker": work.worker if work is not None else None,
        "step": trial.last_step,
        "max_steps": work.max_steps if work is not None else None,
        "checkpoint": checkpoint,
        "error": work.error if work is not None else None,
        "explanation": explanation_of(trial) if work is not None and work.stop_reason is not None else None,
        "started_at": as_datetime(trial.started_at),
        "finished_at": as_datetime(trial.finished_at),
        "duration_seconds": duration,
    }


def _drawn(trial: TrialMirror) -> Drawn | None:
    told = trial.system_attrs.get(DRAWN_ATTR)
    if not isinstance(told, dict) or not isinstance(told.get("by"), str) or not isinstance(told.get("reason"), str):
        return None
    return Drawn(by=told["by"], reason=told["reason"])


def ended_after(study: StudyMirror, after: str | None, limit: int) -> tuple[list[int], str | None]:
    """Up to `limit` numbers of trials that are over, those after number `after`, and the number to go on after."""
    found: list[int] = []
    for trial in study.trials[_begin(after) :]:
        if trial.state.is_finished():
            if len(found) == limit:
                return found, str(found[-1])
            found.append(trial.number)
    return found, None


def trials_after(
    study: StudyMirror, after: str | None, limit: int, state: str | None
) -> tuple[list[TrialMirror], str | None]:
    """Up to `limit` trials by number, those after number `after`, and the number to go on after."""
    found: list[TrialMirror] = []
    for trial in study.trials[_begin(after) :]:
        if state is not None and trial.outcome != state:
            continue
        if len(found) == limit:
            return found, str(found[-1].number)
        found.append(trial)
    return found, None


def csv_of(study: StudyMirror) -> str:
    """All trials, a row each: what `GET …/trials` shows, then a column `params.NAME` for each parameter."""
    assert study.spec is not None
    names = list(study.spec.search_space)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([*_COLUMNS, *(f"params.{name}" for name in names)])
    for trial in study.trials:
        view = trial_view(trial).model_dump(mode="json")
        params = view["params"]
        row = [view[column] for column in _COLUMNS] + [params.get(name) for name in names]
        writer.writerow([_safe(cell) for cell in row])
    return text.getvalue()


def _safe(cell: object) -> object:
    """Text that a spreadsheet would run as a formula is quoted (CWE-1236)."""
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in ("=", "+", "-", "@") and cell != "-inf" else cell


def _begin(after: str | None) -> int:
    """The number of the first trial of a page."""
    if after is None:
        return 0
    if not (after.isascii() and after.isdigit()):
        raise InvalidField(("cursor",), "is not one of this list; leave it out to begin anew")
    return int(after) + 1
