"""Noticing what other processes write into the same database: stock Optuna scripts, plain SQL.

A thread looks every two seconds, and four times a second while it finds something. It reads what can have changed and
no more: trials newer than the newest known, those that are not finished, the studies' names and attributes. Finished
trials do not change. So a look costs the same at a hundred trials as at a hundred thousand, and next to nothing where
nobody wrote.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import Connection, func, select

from lrtune.service.storage.errors import StorageError
from lrtune.service.storage.memory.study import StudyMirror, TrialMirror
from lrtune.service.storage.neighbours.change_signal import WriteSignal
from lrtune.service.storage.neighbours.queries import (
    MAX_NEW,
    ids_after,
    load_trials,
    newest_trials,
    study_attrs,
    trial_states,
)
from lrtune.service.storage.schema import optuna_tables
from lrtune.service.storage.sql import studies
from lrtune.service.storage.sql.statements import Op

if TYPE_CHECKING:
    from lrtune.service.storage.engine.engine import Engine

_log = logging.getLogger(__name__)

_LOOK_SECONDS = 2.0
_BUSY_LOOK_SECONDS = 0.25
_BUSY_FOR_SECONDS = 30.0
_MEMORY_SECONDS = 60.0
"""How long a trial may take from getting its id to being seen by all, and is still noticed."""
_IN_FLIGHT = 1000
"""As many of the latest ids may be of transactions that have yet to commit when the engine becomes the writer."""
_MAX_FOLLOWED = 500
"""Running trials without a lease that are read at each look; of the others only the end is noticed."""


@dataclass
class _Note:
    """A study as it was when a look began, and what the look then found in the database."""

    study: StudyMirror
    largest_id: int
    unfinished: dict[int, tuple[TrialMirror, FrozenTrial]]
    user_attrs: dict[str, Any]
    system_attrs: dict[str, Any]
    new: list[TrialMirror] = field(default_factory=list)
    changed: list[TrialMirror] = field(default_factory=list)
    found_attrs: tuple[dict[str, Any], dict[str, Any]] | None = None


@dataclass
class _Unfinished:
    """The trials that had not finished, by id, of the first `upto`: each finished one is looked at once."""

    upto: int = 0
    trials: dict[int, TrialMirror] = field(default_factory=dict)


class Neighbours:
    """The thread that looks. It reads beside the committer, and changes mirrors by changes like everybody else."""

    def __init__(self, engine: "Engine") -> None:
        self._engine = engine
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lrtune-neighbours", daemon=True)
        self._signal = WriteSignal(engine.database)
        self._looking = threading.Lock()
        self._busy_until = 0.0
        self._seen: deque[tuple[float, int]] = deque()
        self._behind = False

    def begin(self, largest_trial_id: int) -> None:
        """The engine became the writer when this was the largest id; no study was in memory yet. Under its lock."""
        self._seen = deque([(time.monotonic(), max(0, largest_trial_id - _IN_FLIGHT))])
        self._signal.forget()

    def expect(self) -> None:
        """Look often from now on: somebody else writes."""
        self._busy_until = time.monotonic() + _BUSY_FOR_SECONDS

    @property
    def busy(self) -> bool:
        """Whether somebody else has written lately."""
        return time.monotonic() < self._busy_until

    def catch_up(self) -> None:
        """Look now, where somebody else has written lately: before a trial is numbered. Blocks; StorageUnavailable."""
        if self.busy:
            self.look()

    def start(self) -> None:
        """Start looking."""
        self._thread.start()

    def close(self) -> None:
        """Stop; waits at most 10 s for a look under way."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10.0)

    def _run(self) -> None:
        while not self._closing.wait(_BUSY_LOOK_SECONDS if self.busy else _LOOK_SECONDS):
            try:
                self.look()
            except StorageError as error:
                _log.debug("did not look for other writers: %s", error)
            except Exception:
                _log.exception("looking for other writers failed once")
        self._signal.close()

    def look(self) -> bool:
        """Take in what other processes wrote; whether there was something. Raises StorageUnavailable."""
        with self._looking:
            found = self._engine.state == "active" and (self._signal.moved() or self._behind) and self._look()
        if found:
            self.expect()
        return found

    def _look(self) -> bool:
        engine = self._engine
        with engine.lock:
            engine.check_active()
            activations, seen = engine.activations, self._seen
            notes = [_note(study) for study in engine.residents()]
            names = dict(engine.study_names())
            batches = engine.committer.batches()
        for batch in batches:
            batch.wait()
        with engine.database.snapshot() as connection:
            found_names = studies.study_names(connection)
            largest = self._read(connection, notes, seen)
        with engine.lock:
            engine.check_active()
            if engine.activations != activations:
                return False
            absorbed = engine.note_trial_id(largest)  # Perhaps of a study that is not in memory.
            absorbed |= self._absorb_names(names, found_names)
            for note in notes:
                absorbed |= note.study.alive and self._absorb(note)
        return absorbed

    # Reading

    def _read(self, connection: Connection, notes: Sequence[_Note], seen: deque[tuple[float, int]]) -> int:
        """Complete the notes; the largest trial id in use."""
        now = time.monotonic()
        largest = connection.execute(select(func.max(optuna_tables.trials.c.trial_id))).scalar() or 0
        while len(seen) > 1 and seen[1][0] < now - _MEMORY_SECONDS:
            seen.popleft()
        newest = newest_trials(connection, seen[0][1], largest)
        states = trial_states(connection, [trial_id for note in notes for trial_id in note.unfinished])
        attrs = study_attrs(connection, [note.study.study_id for note in notes])
        self._behind = False
        for note in notes:
            study = note.study
            note.found_attrs = attrs.get(study.study_id, ({}, {}))
            if newest.get(study.study_id, 0) > note.largest_id:
                ids = ids_after(connection, study.study_id, note.largest_id)
                self._behind |= len(ids) == MAX_NEW
                note.new = load_trials(connection, study.study_id, ids)
            note.changed = load_trials(connection, study.study_id, list(_suspects(note, states)))
        if not self._behind:
            seen.append((now, largest))
        return max(largest, studies.largest_ids(connection)[1])

    # Taking in. Under the engine's lock.

    def _absorb_names(self, known: dict[str, int], found: dict[int, str]) -> bool:
        engine = self._engine
        now = {name: study_id for study_id, name in found.items()}
        if now == known or engine.study_names() != known:  # In the latter case we made or deleted one meanwhile.
            return False
        engine.rename_studies(now)
        gone = {study_id for name, study_id in known.items() if now.get(name) != study_id}
        _log.info("another process made %d studies and deleted %d", len(now.keys() - known.keys()), len(gone))
        for notify in engine.committer.on_commit:
            notify(gone)
        return True

    def _absorb(self, note: _Note) -> bool:
        study = note.study
        last_id = study.trials[-1].trial_id if study.trials else 0
        new = [trial for trial in note.new if trial.trial_id > last_id]
        changed = [trial for trial in note.changed if _differs(note, trial)]
        attrs = note.found_attrs
        user_attrs = attrs is not None and study.user_attrs is note.user_attrs and _unlike(attrs[0], study.user_attrs)
        system_attrs = (
            attrs is not None and study.system_attrs is note.system_attrs and _unlike(attrs[1], study.system_attrs)
        )
        if not (new or changed or user_attrs or system_attrs):
            return False
        with self._engine.change(study) as change:
            change.rows.append((Op.BARRIER, {}))  # Nothing to write but the study's new version.
            if attrs is not None and user_attrs:
                study.user_attrs = attrs[0]
            if attrs is not None and system_attrs:
                study.system_attrs = attrs[1]
            for trial in changed:
                _take_over(study, note.unfinished[trial.trial_id][0], trial)
                known = note.unfinished[trial.trial_id][0]
                if known.work is not None and known.work.leased and known.state is not TrialState.RUNNING:
                    _log.warning("another process ended trial %d of %s, on lease here", known.number, study.name)
                    change.set_work(known, replace(known.work, leased=False))
            for trial in new:
                trial.number = len(study.trials)
                study.enter(trial)
            self._engine.note_trial_id(study.trials[-1].trial_id if study.trials else 0)
        return True


# The study as it is here


def _note(study: StudyMirror) -> _Note:
    known = study.derived(_Unfinished)
    candidates = [*known.trials.values(), *study.trials[known.upto :]]
    unfinished = {trial.trial_id: trial for trial in candidates if not trial.state.is_finished()}
    known.upto, known.trials = len(study.trials), unfinished
    return _Note(
        study,
        study.trials[-1].trial_id if study.trials else 0,
        {trial_id: (trial, trial.freeze()) for trial_id, trial in unfinished.items()},
        study.user_attrs,
        study.system_attrs,
    )


def _suspects(note: _Note, states: dict[int, TrialState]) -> Iterator[int]:
    """The unfinished trials that may not be as we know them, at most so many."""
    followed = 0
    for trial_id, (trial, frozen) in note.unfinished.items():
        state = states.get(trial_id)
        if state is None:
            continue
        if state is not frozen.state:
            yield trial_id
        elif state is TrialState.RUNNING and not (trial.work is not None and trial.work.leased):
            followed += 1
            if followed <= _MAX_FOLLOWED:
                yield trial_id


def _differs(note: _Note, found: TrialMirror) -> bool:
    known, frozen = note.unfinished[found.trial_id]
    if known._frozen is not frozen:  # Changed here since the look began; the next look compares anew.
        return False
    if known.work is not None and known.work.leased and found.state is TrialState.RUNNING:
        return False
    return _contents(known) != _contents(found)


def _contents(trial: TrialMirror) -> str:
    """All that a neighbour can change, as text: nan equals nan there."""
    curve = sorted(trial.intermediate.items())
    attrs = (sorted(trial.user_attrs.items()), sorted(trial.system_attrs.items()))
    return repr((trial.state, trial.params, trial.values, curve, attrs))


def _unlike(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return repr(sorted(one.items())) != repr(sorted(other.items()))


def _take_over(study: StudyMirror, known: TrialMirror, found: TrialMirror) -> None:
    """Make a trial as the database has it."""
    study.count_out(known)
    known.touch()
    known.state, known.values = found.state, found.values
    known.params, known.distributions = found.params, found.distributions
    known.intermediate = found.intermediate
    known.user_attrs, known.system_attrs = found.user_attrs, found.system_attrs
    known.started_at, known.finished_at = found.started_at, found.finished_at
    known.measure_curve()
    study.count_in(known)
    study.rank(known)
