"""Many studies at a time: what lists show of them, those in memory as they are there, the others from the database."""

import contextlib
from collections.abc import Sequence

from lrtune.service.storage.commit.queue import CommitQueue
from lrtune.service.storage.database.database import Database
from lrtune.service.storage.engine.loader import StudyLoader
from lrtune.service.storage.errors import StorageUnavailable, StudyElsewhere, StudyMissing, StudyUnreadable
from lrtune.service.storage.memory.study import StudyMirror
from lrtune.service.storage.memory.summary import StudyFacts
from lrtune.service.storage.sql.reading import summaries
from lrtune.service.storage.sql.reading.summaries import StudyHead


class Overview:
    """Reads what is not in memory; those of other processes, too, where several serve the database."""

    def __init__(self, database: Database, queue: CommitQueue, loader: StudyLoader) -> None:
        self._database = database
        self._mirrors, self._state = queue.mirrors, queue.state
        self._loader = loader

    def facts(self, names: Sequence[str]) -> dict[str, StudyFacts]:
        """What lists show of these studies, of those that lrtune created. None is loaded for it but
        those with a budget of steps and trials that wait for it. Blocks."""
        found: dict[str, StudyFacts] = {}
        missing: list[int] = []
        with self._mirrors.lock:
            self._state.check_active()
            known = self._mirrors.names()
            for name in names:
                study = self._mirrors.peek(known[name]) if name in known else None
                if study is not None and study.spec is not None:
                    found[name] = study
                elif study is None and name in known:
                    missing.append(known[name])
        for start in range(0, len(missing), summaries.MOST):
            with self._database.read() as connection:
                found |= summaries.read_summaries(connection, missing[start : start + summaries.MOST])
        for name, one in list(found.items()):
            if not self._mirrors.shards.holds(name):
                continue
            if one.max_total_steps is not None and one.in_hand and not isinstance(one, StudyMirror):
                # Whether they wait in vain hangs on each. Of one that another process has locked it is told later.
                with contextlib.suppress(StudyMissing, StudyUnreadable, StudyElsewhere, StorageUnavailable):
                    found[name] = self._loader.load(known[name])
                self._state.check_active()
        return found

    def heads(self) -> list[StudyHead]:
        """All studies by id, as Optuna lists them, but those that cannot be read; none is loaded for it. Blocks."""
        with self._mirrors.lock:
            self._state.check_active()
            unreadable = self._mirrors.unreadable()
            ids = sorted(study_id for name, study_id in self._mirrors.names().items() if name not in unreadable)
            in_memory = [study for study_id in ids if (study := self._mirrors.peek(study_id)) is not None]
            heads = {one.study_id: _head(one) for one in in_memory}
        missing = [study_id for study_id in ids if study_id not in heads]
        for start in range(0, len(missing), summaries.MOST):
            with self._database.read() as connection:
                heads |= summaries.study_heads(connection, missing[start : start + summaries.MOST])
        return [heads[study_id] for study_id in ids if study_id in heads]


def _head(study: StudyMirror) -> StudyHead:
    return StudyHead(study.study_id, study.name, list(study.directions), study.user_attrs, study.system_attrs)
