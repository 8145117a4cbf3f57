"""Taking a study in, some lines at a time, each time in one transaction.

How many lines are in is kept with them, so a batch that comes again changes nothing, and an import that was broken off
goes on where it was. With the last line the study is what it was: then, and not before, anybody is shown it.
"""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

from optuna.study import StudyDirection
from optuna.trial import TrialState

from lrtune.service.storage.commit.changes import Change
from lrtune.service.storage.engine.engine import Engine
from lrtune.service.storage.errors import StudyNameTaken
from lrtune.service.storage.memory.range_tests import StoredRangeTest
from lrtune.service.storage.memory.study import StudyMirror, TrialMirror
from lrtune.service.storage.schema.attributes import METRIC_NAMES_ATTR
from lrtune.service.tuning.errors import InvalidField, StudyExists, StudyNotFound
from lrtune.service.tuning.history import recording
from lrtune.service.tuning.moving.from_lines import Place, attributes_of, points_of, range_test_of, spec_of, trial_of
from lrtune.service.tuning.sampling.samplers import check_sampler
from lrtune.service.tuning.state.importing import ImportState, import_of, note_import
from lrtune.service.tuning.studies import Studies, of_a_study
from lrtune.service.tuning.trials import leases
from lrtune.service.wire.range_tests import RangeTestCurve
from lrtune.service.wire.study_lines import (
    CurveLine,
    EndLine,
    ImportBatch,
    ImportProgress,
    RangeTestLine,
    StudyLine,
    SupersededLine,
    TrialLine,
)


class Imports:
    """The imports of one storage engine. All methods are for the event loop."""

    def __init__(self, engine: Engine, studies: Studies) -> None:
        self._engine = engine
        self._studies = studies

    @of_a_study
    async def take(self, name: str, body: ImportBatch) -> tuple[ImportProgress, bool]:
        """Take the lines in that are not in yet; return how far it is, and whether any of these was new.

        Raises StudyExists, InvalidField; StudyNotFound where the study was deleted meanwhile.
        """
        study = await self._open(name, body)
        with self._engine.change(study) as change:
            state = _state_of(study, body)
            if not state.done:
                state = _take_in(self._engine, change, state, body)
        fresh = bool(change.rows)
        await (change.on_disk() if fresh else self._studies.settled(study))
        if fresh and state.done:
            with self._engine.lock:
                # Whoever asks next has it read from the database: in every count as if it had been trained here.
                self._engine.mirrors.drop(study)
        return ImportProgress(study=name, lines=state.lines, done=state.done), fresh

    async def _open(self, name: str, body: ImportBatch) -> StudyMirror:
        """The study that is being imported; made where this is the beginning of its file."""
        try:
            return await self._studies.find(name)
        except StudyNotFound:
            first = body.lines[0]
            if body.first != 0 or not isinstance(first, StudyLine):
                raise InvalidField(
                    ("first",), f"no import of study {name!r} has begun: send its file from the first line on"
                ) from None
        async with self._may_create():
            return await self._create(name, first, body.file)

    @contextlib.asynccontextmanager
    async def _may_create(self) -> AsyncIterator[None]:
        """A study is made within the block."""
        yield

    async def _create(self, name: str, line: StudyLine, file: str) -> StudyMirror:
        place: Place = ("lines", 0)
        spec = spec_of(name, line, place)
        check_sampler(spec)
        user_attrs = attributes_of(line.user_attrs, (*place, "user_attrs"))
        system_attrs = {METRIC_NAMES_ATTR: [spec.metric]} | attributes_of(line.system_attrs, (*place, "system_attrs"))
        try:
            with self._engine.lock:
                study = self._engine.new_study(name, [StudyDirection[spec.direction.upper()]])
                with self._engine.change(study) as change:
                    change.create_study(spec, created_at=line.created_at.timestamp())
                    change.update_study(
                        max_trials=line.max_trials,
                        max_total_steps=line.max_total_steps,
                        paused=True,
                        description=line.description,
                    )
                    for key, value in user_attrs.items():
                        change.set_study_attr(key, value, system=False)
                    for key, value in system_attrs.items():
                        change.set_study_attr(key, value, system=True)
                    state = ImportState(file, 1, 0, 0, paused=line.paused, stopped=line.stopped, done=False)
                    note_import(change, state)
        except StudyNameTaken:
            raise _exists(name) from None
        await change.on_disk()
        return study


def _state_of(study: StudyMirror, body: ImportBatch) -> ImportState:
    """How far this file is in. Raises StudyExists where the study is not one that is imported from it, InvalidField
    where lines are missing in between."""
    state = import_of(study)
    if state is None or (state.done and state.file != body.file):
        raise _exists(study.name)
    if state.file != body.file:
        raise StudyExists(
            f"study {study.name!r} is being imported from another file, or from this one as it was before: "
            f"`lrtune study delete {study.name}` first, or take another name"
        )
    if body.first > state.lines:
        raise InvalidField(("first",), f"must be {state.lines} at most: the lines before are not in yet")
    return state


def _exists(name: str) -> StudyExists:
    return StudyExists(f"study {name!r} exists; take another name: `lrtune study import FILE --name NAME`")


@dataclass(frozen=True)
class _Prepared:
    """Of the lines that are new, what they are; and what is in once they are."""

    parts: list[tuple[Any, Any]]
    after: ImportState


def _take_in(engine: Engine, change: Change, state: ImportState, body: ImportBatch) -> ImportState:
    """Take in what is new. Raises InvalidField, mostly before anything is changed."""
    prepared = _prepare(change.study, state, body)
    for line, made in prepared.parts:
        if isinstance(line, TrialLine):
            made.trial_id = engine.new_trial_id()
            change.add_trial(made)
        elif isinstance(line, CurveLine):
            _go_on(change, change.study.trials[line.trial], made)
        elif isinstance(line, SupersededLine):
            change.put_superseded(change.study.trials[line.trial], line.lease, made.items())
        elif isinstance(line, RangeTestLine):
            test, curve = made
            change.put_range_test(test, curve.model_dump_json())
    after = prepared.after
    if after.done:
        _open_up(change, after)
    if after != state:
        note_import(change, after)
    return after


def _go_on(change: Change, trial: TrialMirror, points: dict[int, float]) -> None:
    for step, value in points.items():
        if trial.last_step is not None and step <= trial.last_step:
            raise InvalidField(("lines",), f"the curve of trial {trial.number} goes back from {trial.last_step}")
        change.report(trial, step, value)


def _prepare(study: StudyMirror, state: ImportState, body: ImportBatch) -> _Prepared:
    """Raises InvalidField."""
    parts: list[tuple[Any, Any]] = []
    trials, tests = len(study.trials), len(study.range_tests)
    for index, line in enumerate(body.lines):
        if body.first + index < state.lines:
            continue
        place: Place = ("lines", index)
        made: TrialMirror | dict[int, float] | tuple[StoredRangeTest, RangeTestCurve] | None = None
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
    return _Prepared(parts, replace(state, lines=max(state.lines, body.first + len(body.lines))))


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


def _open_up(change: Change, state: ImportState) -> None:
    """All lines are in: what ran waits for the next worker, and the study is shown."""
    study = change.study
    for trial in study.trials:
        if trial.state is TrialState.RUNNING:
            if trial.work is not None:
                leases.requeue(change, trial, lost=None)
            else:
                change.set_state(trial, TrialState.FAIL)  # The Optuna script that had it cannot go on with it here.
    change.update_study(paused=state.paused, stopped=state.stopped)
    recording.note_all(change)
    counts = {"trials": len(study.trials), "reports": state.reports, "range_tests": len(study.range_tests)}
    change.audit("study.import", after=counts, trials=len(study.trials))
