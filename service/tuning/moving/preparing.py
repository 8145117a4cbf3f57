"""What a batch of lines is to become, before anything is changed: most of what makes no sense is found here."""

from dataclasses import dataclass, replace
from typing import Any

from lrtune.service.storage.memory.study import StudyMirror
from lrtune.service.tuning.errors import InvalidField
from lrtune.service.tuning.moving.from_lines import Place, points_of, range_test_of, trial_of
from lrtune.service.tuning.state.importing import ImportState
from lrtune.service.wire.study_lines import (
    CurveLine,
    EndLine,
    ImportBatch,
    RangeTestLine,
    StudyLine,
    SupersededLine,
    TrialLine,
)


@dataclass(frozen=True)
class Prepared:
    """Of the lines that are new, what they are; and what is in once they are."""

    parts: list[tuple[Any, Any]]
    trials: int
    points: int
    after: ImportState


def prepare(study: StudyMirror, state: ImportState, body: ImportBatch) -> Prepared:
    """The lines of the batch that are not in yet. Raises InvalidField."""
    parts: list[tuple[Any, Any]] = []
    trials, tests, before = len(study.trials), len(study.range_tests), state.reports + state.superseded
    for index, line in enumerate(body.lines):
        if body.first + index < state.lines:
            continue
        place: Place = ("lines", index)
        made: Any = None
        if state.done or isinstance(line, StudyLine):
            raise InvalidField(place, f"a line of kind {line.kind!r} cannot stand here")
        if isinstance(line, TrialLine):
            _check_next(line.number, trials, (*place, "number"))
            made, trials = trial_of(study, line, place), trials + 1
            state = replace(state, reports=state.reports + len(line.curve.steps))
        elif isinstance(line, CurveLine | SupersededLine):
            if line.trial >= trials:
                raise InvalidField((*place, "trial"), f"there is no trial {line.trial} before this line")
            made, points = points_of(line), len(line.steps)
            if isinstance(line, CurveLine):
                state = replace(state, reports=state.reports + points)
            else:
                state = replace(state, superseded=state.superseded + points)
        elif isinstance(line, RangeTestLine):
            _check_next(line.number, tests, (*place, "number"))
            made, tests = range_test_of(line, place), tests + 1
        else:
            _check_end(line, state, trials, tests, place)
            state = replace(state, done=True)
        parts.append((line, made))
    points = state.reports + state.superseded - before
    return Prepared(
        parts, trials - len(study.trials), points, replace(state, lines=max(state.lines, body.first + len(body.lines)))
    )


def _check_next(number: int, expected: int, place: Place) -> None:
    if number != expected:
        raise InvalidField(
            place,
            f"is {number}, and the next is {expected}: a line is missing, or something else has written to the study; "
            "delete it and import it anew",
        )


def _check_end(line: EndLine, state: ImportState, trials: int, tests: int, place: Place) -> None:
    counted = {"trials": trials, "reports": state.reports, "superseded": state.superseded, "range_tests": tests}
    for name, count in counted.items():
        if getattr(line, name) != count:
            told = f"says {getattr(line, name):,}, and {count:,} came: the file was changed; export it anew"
            raise InvalidField((*place, name), told)
    if line.sha256 != state.file:
        raise InvalidField((*place, "sha256"), "is not the file's digest that the first batch told")
