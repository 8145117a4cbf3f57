"""Reading studies into memory: each once, however many ask for it at a time."""

import logging
import threading

from lrtune.service.storage.commit.open_change import OpenChange
from lrtune.service.storage.commit.queue import CommitQueue
from lrtune.service.storage.database.database import Database
from lrtune.service.storage.errors import StorageUnavailable, StudyMissing, StudyUnreadable
from lrtune.service.storage.memory.study import StudyMirror
from lrtune.service.storage.schema.attributes import ID_ATTR
from lrtune.service.storage.sql.reading import studies

_log = logging.getLogger(__name__)

_TRIES = 10


class StudyLoader:
    """Loads studies into the mirrors; what changes of a study are still to be committed is waited for."""

    def __init__(self, database: Database, queue: CommitQueue) -> None:
        self._database = database
        self._queue = queue
        self._mirrors = queue.mirrors
        self._gates: dict[int, threading.Lock] = {}

    def load(self, study_id: int) -> StudyMirror:
        """The study, read from the database where it is not in memory. Blocks.

        Raises StudyMissing, StudyUnreadable, StorageUnavailable; StudyElsewhere where another process serves it.
        """
        for _ in range(_TRIES):
            study = self._load(study_id)
            if study is not None:
                return study
        raise StorageUnavailable("studies go from one process to another; try again", retry_after_seconds=0.1)

    def _load(self, study_id: int) -> StudyMirror | None:
        """None where it may have gone to another process and back while it was read."""
        mirrors = self._mirrors
        with mirrors.lock:
            self._queue.state.check_active()
            study = mirrors.in_memory(study_id)
            if study is not None:
                return study
            self._queue.locked.check(study_id)
            gate = self._gates.setdefault(study_id, threading.Lock())
            generation, epoch = mirrors.generation, mirrors.shards.epoch
        with gate:
            with mirrors.lock:
                study = mirrors.in_memory(study_id)
                pending = self._queue.pending.get(study_id)
            if study is not None:
                return study
            if pending is not None:
                pending.wait()
            try:
                with self._database.snapshot() as connection:
                    study = studies.load_study(connection, study_id)
            except StudyUnreadable as error:
                self.note_unreadable(study_id, error)
                raise
            finally:
                with mirrors.lock:
                    self._gates.pop(study_id, None)
            with mirrors.lock:
                self._queue.state.check_active()
                if mirrors.generation != generation:
                    raise StorageUnavailable("the database went away while the study was read; try again")
                if study is None:
                    raise StudyMissing(str(study_id))
                mirrors.shards.check(study.name)
                if mirrors.shards.epoch != epoch:
                    return None
                mirrors.take_in(study)
                study.renew_leases(mirrors.elapsed())
                self._set_right(study)
            return study

    def read_apart(self, name: str) -> StudyMirror:
        """The study of another process as the database has it now: to be looked at, kept nowhere, never changed.

        Blocks; raises StudyMissing, StudyUnreadable, StorageUnavailable.
        """
        with self._database.snapshot() as connection:
            # By its name there: the names in memory may be two seconds behind.
            ids = (study_id for study_id, known in studies.study_names(connection).items() if known == name)
            study_id = next(ids, None)
            study = None if study_id is None else studies.load_study(connection, study_id)
        if study is None:
            raise StudyMissing(name)
        study.alive, study.elsewhere = False, True
        study.renew_leases(self._mirrors.elapsed())
        return study

    def note_unreadable(self, study_id: int, error: StudyUnreadable) -> None:
        """Remember that a study cannot be read, and log it once."""
        with self._mirrors.lock:
            news = self._mirrors.note_unreadable(study_id, error.why)
        if news:
            _log.error("%s", error)

    def _set_right(self, study: StudyMirror) -> None:
        """Write back where a study as loaded is not as we keep it: another process has written it
        meanwhile, or it has no id yet."""
        if study.trials:
            self._mirrors.note_trial_id(study.trials[-1].trial_id)
        lapsed, misnumbered = study.lapsed, study.misnumbered
        study.lapsed, study.misnumbered = [], []
        unnamed = study.spec is not None and ID_ATTR not in study.system_attrs
        if lapsed or misnumbered or unnamed:
            with OpenChange(self._queue, study) as change:
                if unnamed:  # Made by an older version, adopted, or restored from a backup.
                    change.draw_id()
                change.renumber(misnumbered)
                for trial in lapsed:
                    if trial.work is not None:
                        change.set_work(trial, trial.work)
