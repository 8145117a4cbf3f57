"""Reading studies into memory: each once, however many ask for it at a time."""

import threading
from typing import TYPE_CHECKING

from lrtune.service.storage.errors import StorageUnavailable, StudyMissing
from lrtune.service.storage.memory.study import StudyMirror
from lrtune.service.storage.sql import studies
from lrtune.service.storage.sql.statements import Op

if TYPE_CHECKING:
    from lrtune.service.storage.engine.engine import Engine


class StudyLoader:
    """Loads studies for one engine."""

    def __init__(self, engine: "Engine") -> None:
        self._engine = engine
        self._gates: dict[int, threading.Lock] = {}

    def load(self, study_id: int) -> StudyMirror:
        """The study, read from the database where it is not in memory. Blocks.

        Raises StudyMissing, StorageUnavailable.
        """
        engine = self._engine
        with engine.lock:
            engine.check_active()
            study = engine.in_memory(study_id)
            if study is not None:
                return study
            gate = self._gates.setdefault(study_id, threading.Lock())
            activations = engine.activations
        with gate:
            with engine.lock:
                study = engine.in_memory(study_id)
                pending = engine.committer.pending(study_id)
            if study is not None:
                return study
            if pending is not None:
                pending.wait()
            with engine.database.snapshot() as connection:
                study = studies.load_study(connection, study_id, engine.clock())
            with engine.lock:
                self._gates.pop(study_id, None)
                engine.check_active()
                if engine.activations != activations:
                    raise StorageUnavailable("the database went away while the study was read; try again")
                if study is None:
                    raise StudyMissing(str(study_id))
                engine.take_in(study)
                self._set_right(study)
            return study

    def _set_right(self, study: StudyMirror) -> None:
        """Write back where a study as loaded is not as we keep it: another process has written it meanwhile."""
        engine = self._engine
        if study.trials:
            engine.note_trial_id(study.trials[-1].trial_id)
        lapsed, misnumbered = study.lapsed, study.misnumbered
        study.lapsed, study.misnumbered = [], []
        if lapsed or misnumbered:
            with engine.change(study) as change:
                change.rows += [(Op.RENUMBER_TRIAL, row) for row in misnumbered]
                for trial in lapsed:
                    if trial.work is not None:
                        change.set_work(trial, trial.work)
