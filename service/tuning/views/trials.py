"""Lists of trials: pages and CSV. Under the engine's lock."""

import csv
import io

from lrtune.service.storage.memory.study import StudyMirror, TrialMirror
from lrtune.service.tuning.errors import InvalidField
from lrtune.service.tuning.views.views import trial_view

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
