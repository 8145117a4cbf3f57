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
from collections.abc import Sequence
from dataclasses import replace

from optuna.trial import TrialState
from sqlalchemy import Connection, func, select

from lrtune.service.storage.commit.open_change import OpenChange
from lrtune.service.storage.commit.queue import CommitQueue
from lrtune.service.storage.database.database import Database
from lrtune.service.storage.errors import StorageError
from lrtune.service.storage.memory.mirrors import PAUSE_SECONDS
from lrtune.service.storage.memory.study import StudyMirror
from lrtune.service.storage.neighbours.change_signal import WriteSignal
from lrtune.service.storage.neighbours.comparison import (
    KnownStudy,
    differs,
    known_study,
    look_through,
    suspects,
    take_over,
    unlike,
)
from lrtune.service.storage.neighbours.other_owners import OtherOwners
from lrtune.service.storage.neighbours.queries import (
    MAX_NEW,
    ids_after,
    load_trials,
    newest_trials,
    study_attrs,
    trial_states,
)
from lrtune.service.storage.schema import optuna_tables
from lrtune.service.storage.sql.reading import studies

_log = logging.getLogger(__name__)

_LOOK_SECONDS = 2.0
_BUSY_LOOK_SECONDS = 0.25
_BUSY_FOR_SECONDS = 30.0
_MEMORY_SECONDS = 60.0
"""How long a trial may take from getting its id to being seen by all, and is still noticed."""
_IN_FLIGHT = 1000
"""As many of the latest ids may be of transactions that have yet to commit when the engine becomes the writer."""


class Neighbours:
    """The thread that looks. It reads beside the committer, and changes mirrors by changes like everybody else."""

    def __init__(self, database: Database, queue: CommitQueue) -> None:
        self._database = database
        self._queue = queue
        self._mirrors, self._state = queue.mirrors, queue.state
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lrtune-neighbours", daemon=True)
        self._signal = WriteSignal(database)
        self._looking = threading.Lock()
        self._busy_until = 0.0
        self._seen: deque[tuple[float, int]] = deque()
        self._behind = False
        self._others = OtherOwners()

    def begin(self, largest_trial_id: int) -> None:
        """This process became the writer when this was the largest id; no study was in memory yet. Under the lock."""
        self._seen = deque([(time.monotonic(), max(0, largest_trial_id - _IN_FLIGHT))])
        self._signal.forget()

    def expect(self) -> None:
        """Look often from now on: somebody else writes."""
        self._busy_until = time.monotonic() + _BUSY_FOR_SECONDS

    @property
    def busy(self) -> bool:
        """Whether somebody else has written lately."""
        return time.monotonic() < self._busy_until

    @property
    def busy_until(self) -> float:
        """When nobody else will have written lately, unless one does again; by the monotonic clock. What was read
        before may be out of date."""
        return self._busy_until

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
            found = self._state.name == "active" and (self._signal.moved() or self._behind) and self._look()
        if found:
            self.expect()
        return found

    def _look(self) -> bool:
        mirrors = self._mirrors
        for study in mirrors.residents():
            while self._look_through(study):
                time.sleep(PAUSE_SECONDS)
        with mirrors.lock:
            self._state.check_active()
            generation, epoch, seen = mirrors.generation, mirrors.shards.epoch, self._seen
            known = [known_study(study) for study in mirrors.residents()]
            names = mirrors.names()
            batches = set(self._queue.pending.values())
        for batch in batches:
            batch.wait()
        with self._database.snapshot() as connection:
            found_names = studies.study_names(connection)
            largest = self._read(connection, known, seen)
            changed = self._others.changed(connection) if mirrors.shards.divided else set()
        with mirrors.lock:
            self._state.check_active()
            if mirrors.generation != generation or mirrors.shards.epoch != epoch:
                return False
            # Perhaps of a study that is not in memory; of several processes, others' trials are no news.
            absorbed = not mirrors.shards.divided and mirrors.note_trial_id(largest)
            absorbed |= self._absorb_names(names, found_names)
            for one in known:
                absorbed |= one.study.alive and self._absorb(one)
            elsewhere = {study_id for study_id in changed if mirrors.peek(study_id) is None}
        if elsewhere:
            self._queue.tell_changed(elsewhere)
        return absorbed

    def _look_through(self, study: StudyMirror) -> bool:
        """Look at some trials of a study just loaded, so that what follows has few to look at."""
        with self._mirrors.lock:
            return look_through(study)

    # Reading

    def _read(self, connection: Connection, known: Sequence[KnownStudy], seen: deque[tuple[float, int]]) -> int:
        """Complete the known studies with what is found; the largest trial id in use."""
        now = time.monotonic()
        largest = connection.execute(select(func.max(optuna_tables.trials.c.trial_id))).scalar() or 0
        while len(seen) > 1 and seen[1][0] < now - _MEMORY_SECONDS:
            seen.popleft()
        newest = newest_trials(connection, seen[0][1], largest)
        states = trial_states(connection, [trial_id for one in known for trial_id in one.unfinished])
        attrs = study_attrs(connection, [one.study.study_id for one in known])
        self._behind = False
        for one in known:
            study = one.study
            one.found_attrs = attrs.get(study.study_id, ({}, {}))
            if newest.get(study.study_id, 0) > one.largest_id:
                ids = ids_after(connection, study.study_id, one.largest_id)
                self._behind |= len(ids) == MAX_NEW
                one.new = load_trials(connection, study.study_id, ids)
            one.changed = load_trials(connection, study.study_id, list(suspects(one, states)))
        if not self._behind:
            seen.append((now, largest))
        return max(largest, studies.largest_ids(connection)[1])

    # Taking in. Under the mirrors' lock.

    def _absorb_names(self, known: dict[str, int], found: dict[int, str]) -> bool:
        now = {name: study_id for study_id, name in found.items()}
        if now == known or self._mirrors.names() != known:  # In the latter case we made or deleted one meanwhile.
            return False
        self._mirrors.rename(now)
        gone = {name: study_id for name, study_id in known.items() if now.get(name) != study_id}
        shards = self._mirrors.shards
        ours = [name for name in {*(now.keys() - known.keys()), *gone} if shards.holds(name)]
        if ours:  # Else another process of this service did, as it should.
            _log.info("another process made %d studies and deleted %d", len(now.keys() - known.keys()), len(gone))
        self._queue.tell_changed(set(gone.values()))
        return bool(ours)

    def _absorb(self, known: KnownStudy) -> bool:
        study = known.study
        last_id = study.trials[-1].trial_id if study.trials else 0
        new = [trial for trial in known.new if trial.trial_id > last_id]
        changed = [trial for trial in known.changed if differs(known, trial)]
        attrs = known.found_attrs
        user_attrs = attrs is not None and study.user_attrs is known.user_attrs and unlike(attrs[0], study.user_attrs)
        system_attrs = (
            attrs is not None and study.system_attrs is known.system_attrs and unlike(attrs[1], study.system_attrs)
        )
        if not (new or changed or user_attrs or system_attrs):
            return False
        with OpenChange(self._queue, study) as change:
            change.note_version()
            if attrs is not None and user_attrs:
                study.user_attrs = attrs[0]
            if attrs is not None and system_attrs:
                study.system_attrs = attrs[1]
            for found in changed:
                trial = known.unfinished[found.trial_id][0]
                take_over(study, trial, found)
                if trial.work is not None and trial.work.leased and trial.state is not TrialState.RUNNING:
                    _log.warning("another process ended trial %d of %s, on lease here", trial.number, study.name)
                    change.set_work(trial, replace(trial.work, leased=False))
            for trial in new:
                trial.number = len(study.trials)
                study.enter(trial)
                study.note(trial, begun=True)
            self._mirrors.note_trial_id(study.trials[-1].trial_id if study.trials else 0)
        return True
