"""Whether a study's trainings keep failing: then it hands out no trial until somebody has mended them.

A failed trial costs no `max_trials`, so what always fails would be tried for ever. Five trials in a row that failed
with the same error stop the handing out; so do twenty that failed for whatever reason. "In a row" is in the order in
which trials ended; one that ended otherwise, pruned and diverged ones included, ends the row, also where it was in
training already when the study came to a halt.

The row is kept in an attribute of the study, written with the failure that it counts: it is committed and undone with
it, is there after a restart, and can be told of studies that are not in memory. Trials that other processes failed, or
that were recorded as failed, are not counted.
"""

from dataclasses import asdict, dataclass

from pydantic import TypeAdapter, ValidationError

from lrtune.service.sentences.failures import error_line, same_error
from lrtune.service.storage.commit.changes import Change
from lrtune.service.storage.memory.actor import SERVICE, acting
from lrtune.service.storage.memory.study import TrialMirror
from lrtune.service.storage.memory.summary import StudyFacts
from lrtune.service.storage.schema.attributes import FAILING_ATTR

MOST_ALIKE = 5
"""Trials in a row that may fail with the same error."""
MOST_FAILED = 20
"""Trials in a row that may fail at all."""


@dataclass(frozen=True)
class Row:
    """The trials that failed since the last that ended otherwise."""

    error: str
    """The latest line that named an error; "" where none did."""
    alike: int
    """So many of the latest failed with that error; those that did not say are left out."""
    failed: int
    ended_well: int
    """How many trials of the study had ended otherwise by then: with another number the row is over."""

    @property
    def stops(self) -> bool:
        """Whether no trial is to be handed out."""
        return self.alike >= MOST_ALIKE or self.failed >= MOST_FAILED


_ROW = TypeAdapter(Row)


def note_failure(change: Change, trial: TrialMirror) -> None:
    """Count a trial that has just failed."""
    assert trial.work is not None
    row, line = row_of(change.study), error_line(trial.work.error or "")
    alike, error = (row.alike, row.error) if row else (0, "")
    if line:
        alike = alike + 1 if same_error(line) == same_error(error) else 1
    failed = row.failed + 1 if row else 1
    noted = Row(line or error, alike, failed, _ended_well(change.study))
    change.set_study_attr(FAILING_ATTR, asdict(noted), system=True)
    if noted.stops and not (row and row.stops):
        with acting(SERVICE):
            change.audit("study.halt", after={"error": noted.error, "failed": noted.failed}, error=noted.error)


def forgive(change: Change) -> None:
    """Begin a new row: somebody says that it is mended."""
    if change.study.system_attrs.get(FAILING_ATTR) is not None:
        change.set_study_attr(FAILING_ATTR, None, system=True)


def row_of(study: StudyFacts) -> Row | None:
    """The trials that failed since the last that ended otherwise; None where there are none."""
    kept = study.system_attrs.get(FAILING_ATTR)
    if not isinstance(kept, dict) or kept.get("ended_well") != _ended_well(study):
        return None
    try:
        return _ROW.validate_python(kept)
    except ValidationError:  # Written by another version, or another program.
        return None


def halt_of(study: StudyFacts) -> Row | None:
    """The row of failures that stops the handing out; None where trials are handed out."""
    row = row_of(study)
    return row if row is not None and row.stops else None


def _ended_well(study: StudyFacts) -> int:
    outcomes = study.tally.outcomes
    return outcomes["complete"] + outcomes["pruned"] + outcomes["diverged"]
