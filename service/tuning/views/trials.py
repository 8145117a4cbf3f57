"""What the outside sees of trials: one, pages, CSV. From the mirror; all of it under the engine's lock.

Pages and CSV are made by generators, whose steps are of bounded size: other requests get in between.
"""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lrtune.service.sentences import pictures as words
from lrtune.service.storage.memory.study import StudyMirror, TrialMirror
from lrtune.service.storage.schema.attributes import AGAIN_ATTR, DRAWN_ATTR, whole_number
from lrtune.service.tuning.errors import InvalidField
from lrtune.service.tuning.state.outcomes import explanation_of, standard_error_of
from lrtune.service.tuning.state.space.fixed_params import fixed_params
from lrtune.service.tuning.trials.replicates import repeated_by
from lrtune.service.tuning.views.times import as_datetime
from lrtune.service.wire.cells import safe_cell
from lrtune.service.wire.trials import Checkpoint, Drawn, Trial

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

_LONGEST_SHOWN = 200

TRIALS_A_SLICE = 50
"""Shown at a time: a few milliseconds, with as many parameters as a trial may have."""
LOOKED_AT_A_SLICE = 1_000


def trial_view(trial: TrialMirror) -> Trial:
    """A trial without its curve."""
    return Trial.model_validate(_trial_fields(trial))


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
        "params": shown_params(trial.params or fixed_params(trial)),
        "value": trial.value,
        "standard_error": standard_error_of(trial),
        "attempt": work.attempt if work is not None else 0,
        "repeats": repeated_by(trial),
        "again": whole_number(trial.system_attrs, AGAIN_ATTR),
        "drawn": drawn_by(trial),
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


def shown_params(params: Mapping[str, Any]) -> dict[str, object]:
    """The parameters; what another process made of one that is no number, text, true, false or null, as text."""
    return {
        name: value if value is None or isinstance(value, bool | int | float | str) else _as_text(value)
        for name, value in params.items()
    }


def _as_text(value: Any) -> str:
    try:
        return json.dumps(value)[:_LONGEST_SHOWN]
    except (TypeError, ValueError, RecursionError):
        return f"a {type(value).__name__}"


def reason_of(trial: TrialMirror) -> str:
    """Why a trial was drawn as it was, where that is not by the study's sampler as ever; else empty."""
    drawn = drawn_by(trial)
    return words.why(
        None if drawn is None else f"drawn by {drawn.by}: {drawn.reason}",
        repeats=repeated_by(trial),
        again=whole_number(trial.system_attrs, AGAIN_ATTR),
    )


def drawn_by(trial: TrialMirror) -> Drawn | None:
    """What drew it and why, where that was kept."""
    told = trial.system_attrs.get(DRAWN_ATTR)
    if not isinstance(told, dict) or not isinstance(told.get("by"), str) or not isinstance(told.get("reason"), str):
        return None
    return Drawn(by=told["by"], reason=told["reason"])


@dataclass
class TrialPaging:
    """A page of the trials that are `wanted`: up to `limit` by number, those after number `after`; the newest first,
    those before it, where `newest`. Iterate it, in steps of bounded size, for lists of trials; then `next` is the
    number to go on after, None where there are no more.

    Raises InvalidField where `after` is not a number; StorageUnavailable where the study was lost between two steps.
    """

    study: StudyMirror
    after: str | None
    limit: int
    wanted: Callable[[TrialMirror], bool]
    newest: bool = False
    next: str | None = None

    def __iter__(self) -> Iterator[list[TrialMirror]]:
        found, last = 0, -1
        some: list[TrialMirror] = []
        for looked_at, trial in enumerate(self._in_order(), 1):
            if self.wanted(trial):
                if found == self.limit:
                    self.next = str(last)
                    break
                some.append(trial)
                found, last = found + 1, trial.number
            if looked_at % LOOKED_AT_A_SLICE == 0 or len(some) == TRIALS_A_SLICE:
                yield some
                some = []
                self.study.check_kept()
        yield some

    def _in_order(self) -> Iterator[TrialMirror]:
        self.study.check_kept()
        trials, begin = self.study.trials, _begin(self.after)
        if self.newest:
            end = len(trials) if self.after is None else min(begin - 1, len(trials))
            return map(trials.__getitem__, reversed(range(end)))
        return map(trials.__getitem__, range(begin, len(trials)))


def csv_slices(study: StudyMirror) -> Iterator[str]:
    """All trials there are at the beginning, a row each: what `GET …/trials` shows, then a column `params.NAME` for
    each parameter. Raises StorageUnavailable where the study was lost between two steps."""
    assert study.spec is not None
    names = list(study.spec.search_space)
    count = len(study.trials)
    yield _csv_rows([[*_COLUMNS, *(f"params.{name}" for name in names)]])
    for start in range(0, count, TRIALS_A_SLICE):
        study.check_kept()
        yield _csv_rows(_csv_row(trial, names) for trial in study.trials[start : min(start + TRIALS_A_SLICE, count)])


def _csv_rows(rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def _csv_row(trial: TrialMirror, names: Sequence[str]) -> list[object]:
    view = trial_view(trial).model_dump(mode="json")
    params = view["params"]
    row = [view[column] for column in _COLUMNS] + [params.get(name) for name in names]
    return [safe_cell(cell) for cell in row]


def _begin(after: str | None) -> int:
    """The number of the first trial of a page."""
    if after is None:
        return 0
    if not (after.isascii() and after.isdigit()):
        raise InvalidField(("cursor",), "is not one of this list; leave it out to begin anew")
    return int(after) + 1
