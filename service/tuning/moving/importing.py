"""Taking a study in, some lines at a time, each time in one transaction.

How many lines are in is kept with them, so a batch that comes again changes nothing, and an import that was broken off
goes on where it was. With the last line the study is what it was: then, and not before, anybody is shown it.
"""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from optuna.study import StudyDirection
from optuna.trial import TrialState

from lrtune.service.storage.commit.changes import Change
from lrtune.service.storage.engine.engine import Engine
from lrtune.service.storage.errors import StudyNameTaken
from lrtune.service.storage.memory.study import StudyMirror, TrialMirror
from lrtune.service.storage.schema.attributes import METRIC_NAMES_ATTR
from lrtune.service.tuning.errors import InvalidField, StudyExists, StudyNotFound
from lrtune.service.tuning.history import recording
from lrtune.service.tuning.moving.from_lines import Place, attributes_of, spec_of
from lrtune.service.tuning.moving.preparing import prepare
from lrtune.service.tuning.sampling.samplers import check_sampler
from lrtune.service.tuning.state.importing import ImportState, import_of, note_import
from lrtune.service.tuning.studies import Studies, of_a_study
from lrtune.service.tuning.trials import leases
from lrtune.service.wire.studies import StudySpec
from lrtune.service.wire.study_lines import (
    CurveLine,
    ImportBatch,
    ImportProgress,
    RangeTestLine,
    StudyLine,
    SupersededLine,
    TrialLine,
)


class Cost:
    """What is counted of a batch that is taken in; nothing, unless somebody says so."""

    def spend(self, trials: int, steps: int) -> None:
        """So many trials and steps are about to be taken in. Raises where they are not to be."""

    def give_back(self) -> None:
        """They were not, after all."""


class Imports:
    """The imports of one storage engine. All methods are for the event loop."""

    def __init__(self, engine: Engine, studies: Studies) -> None:
        self._engine = engine
        self._studies = studies

    @of_a_study
    async def take(self, name: str, body: ImportBatch) -> ImportProgress:
        """Take the lines in that are not in yet; return how far it is.

        Raises StudyExists, InvalidField; StudyNotFound where the study was deleted meanwhile.
        """
        cost = self._cost()
        try:
            change, state = await self._taken(name, body, cost)
            study, fresh = change.study, bool(change.rows)
            await (change.on_disk() if fresh else self._studies.settled(study))
        except BaseException:
            cost.give_back()
            raise
        if fresh and state.done:
            with self._engine.lock:
                # Whoever asks next has it read from the database: in every count as if it had been trained here.
                self._engine.mirrors.drop(study)
        return ImportProgress(study=name, lines=state.lines, done=state.done)

    def _cost(self) -> Cost:
        """Of one batch."""
        return Cost()

    async def _taken(self, name: str, body: ImportBatch, cost: Cost) -> tuple[Change, ImportState]:
        """The change with what is new of these lines; it is empty where nothing is."""
        try:
            study = await self._studies.find(name)
        except StudyNotFound:
            first = body.lines[0]
            if body.first != 0 or not isinstance(first, StudyLine):
                raise InvalidField(
                    ("first",), f"no import of study {name!r} has begun: send its file from the first line on"
                ) from None
            async with self._may_create():
                return self._create(name, first, body, cost)
        with self._engine.change(study) as change:
            state = _state_of(study, body)
            if not state.done:
                state = _take_in(self._engine, change, state, body, cost)
        return change, state

    @contextlib.asynccontextmanager
    async def _may_create(self) -> AsyncIterator[None]:
        """A study is made within the block."""
        yield

    def _create(self, name: str, line: StudyLine, body: ImportBatch, cost: Cost) -> tuple[Change, ImportState]:
        """A study that begins with these lines; where one of them makes no sense, none."""
        new = _new_study(name, line)
        with self._engine.lock:
            try:
                study = self._engine.new_study(name, [StudyDirection[new.spec.direction.upper()]])
            except StudyNameTaken:
                raise _exists(name) from None
            try:
                with self._engine.change(study) as change:
                    new.write(change)
                    state = ImportState(body.file, 1, 0, 0, paused=line.paused, stopped=line.stopped, done=False)
                    note_import(change, state)
                    state = _take_in(self._engine, change, state, body, cost)
            except BaseException:
                self._engine.mirrors.remove(study)  # Nothing of it is written.
                raise
        return change, state


@dataclass(frozen=True)
class _NewStudy:
    """What a first line says."""

    line: StudyLine
    spec: StudySpec
    user_attrs: dict[str, Any]
    system_attrs: dict[str, Any]

    def write(self, change: Change) -> None:
        """Make it; held up until all of it is in."""
        line = self.line
        change.create_study(self.spec, created_at=line.created_at.timestamp())
        change.update_study(
            max_trials=line.max_trials,
            max_total_steps=line.max_total_steps,
            paused=True,
            description=line.description,
        )
        for key, value in self.user_attrs.items():
            change.set_study_attr(key, value, system=False)
        for key, value in self.system_attrs.items():
            change.set_study_attr(key, value, system=True)


def _new_study(name: str, line: StudyLine) -> _NewStudy:
    """Raises InvalidField."""
    place: Place = ("lines", 0)
    spec = spec_of(name, line, place)
    check_sampler(spec)
    user_attrs = attributes_of(line.user_attrs, (*place, "user_attrs"))
    system_attrs = attributes_of(line.system_attrs, (*place, "system_attrs"))
    return _NewStudy(line, spec, user_attrs, {METRIC_NAMES_ATTR: [spec.metric]} | system_attrs)


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


def _take_in(engine: Engine, change: Change, state: ImportState, body: ImportBatch, cost: Cost) -> ImportState:
    """Take in what is new. Raises InvalidField, mostly before anything is changed."""
    prepared = prepare(change.study, state, body)
    cost.spend(prepared.trials, prepared.points)
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


def _open_up(change: Change, state: ImportState) -> None:
    """All lines are in: what ran waits for the next worker, and the study is shown."""
    study = change.study
    for trial in study.trials:
        if trial.state is TrialState.RUNNING:
            if trial.work is not None and trial.work.leases:
                leases.requeue(change, trial, lost=None)
            else:
                change.set_state(trial, TrialState.FAIL)  # The Optuna script that had it cannot go on with it here.
    change.update_study(paused=state.paused, stopped=state.stopped)
    recording.note_all(change)
    counts = {"trials": len(study.trials), "reports": state.reports, "range_tests": len(study.range_tests)}
    change.audit("study.import", after=counts, trials=len(study.trials))
