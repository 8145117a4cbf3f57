"""The engine: the mirrors, how they are read and changed, and what becomes of them where committing fails."""

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Sequence

from optuna.study import StudyDirection

from lrtune.service.storage.commit.batch import Batch
from lrtune.service.storage.commit.changes import Change
from lrtune.service.storage.commit.committer import Committer
from lrtune.service.storage.database.database import Database
from lrtune.service.storage.engine.loader import StudyLoader
from lrtune.service.storage.engine.writer_thread import EngineState, WriterThread
from lrtune.service.storage.errors import StorageError, StorageUnavailable, StudyMissing, StudyNameTaken
from lrtune.service.storage.memory.study import StudyMirror
from lrtune.service.storage.neighbours.watcher import Neighbours
from lrtune.service.storage.sql import studies

_log = logging.getLogger(__name__)


class Engine:
    """One database's studies in memory.

    `active`: this process is the writer. `standby`: another process is. `away`: the database does not answer, or its
    schema is not ours (`detail` says). The engine comes back to `active` by itself; but where another process became
    the writer meanwhile, it tells `on_deposed` and closes.

    All mirrors are read and changed under `lock`; it is never held while the database is asked.
    """

    def __init__(
        self,
        database: Database,
        *,
        clock: Callable[[], float] = time.time,
        idle_seconds: float = 600.0,
        on_deposed: Callable[[str], None] | None = None,
    ) -> None:
        self.database = database
        self.clock = clock
        self.lock = threading.RLock()
        self.state: EngineState = "starting"
        self.failure: StorageError | None = None
        self.activations = 0
        self._idle_seconds = idle_seconds
        self._names: dict[str, int] = {}
        self._resident: dict[int, StudyMirror] = {}
        self._last_ids = (0, 0)
        self.committer = Committer(database, self.lock, on_refused=self._forget_refused, on_failed=self.fail)
        self.neighbours = Neighbours(self)
        self._loader = StudyLoader(self)
        self._thread = WriterThread(self, on_deposed)

    # Life

    def start(self) -> None:
        """Start the thread that takes the lock, upgrades the schema, goes active and commits."""
        self._thread.start()
        self.neighbours.start()

    def wait_started(self, timeout_seconds: float = 30.0) -> None:
        """Wait for the first try to become the writer. Raises what it failed with, standby included."""
        self._thread.wait_tried(timeout_seconds)
        if self.failure is not None:
            raise self.failure

    def close(self) -> None:
        """Commit what is pending, give the lock up and end the threads. Waits at most 40 s."""
        self.neighbours.close()
        self._thread.close()
        self.database.close()

    def activated(self, names: dict[str, int], last_ids: tuple[int, int]) -> None:
        """This process has become the writer: what it knew before is void. Called by its thread."""
        with self.lock:
            self._names = names
            self._last_ids = last_ids
            self.neighbours.begin(last_ids[1])
            self._drop_all()
            self.activations += 1
        self.note_state("active", None)

    def note_state(self, state: EngineState, failure: StorageError | None) -> None:
        """The writer's state is this now. Called by its thread."""
        with self.lock:
            if self.state != state:
                level = logging.INFO if state == "active" else logging.WARNING
                _log.log(level, "storage is %s%s", state, f": {failure}" if failure else "")
            self.state = state
            self.failure = failure

    def end(self) -> None:
        """Answer what is pending and give the lock up: the last that the thread does."""
        with self.lock:
            self.state = "closed"
        self.fail([], StorageUnavailable("the service is shutting down; try again"))
        self.database.release()

    def drop_idle(self) -> None:
        """Forget the studies that nobody has used for long."""
        now = self.clock()
        with self.lock:
            for study in list(self._resident.values()):
                unused = not study.leased and self.committer.pending(study.study_id) is None
                if unused and now - study.last_used > self._idle_seconds:
                    self._drop(study)

    # Reading

    def load_leased(self) -> None:
        """Load every study that has trials out on lease, so that their leases are watched. Blocks."""
        with self.database.read() as connection:
            study_ids = studies.studies_with_leases(connection)
        for study_id in study_ids:
            with contextlib.suppress(StudyMissing):
                self.load(study_id)

    def study_names(self) -> dict[str, int]:
        """All studies' ids by name. Raises StorageUnavailable while this process is not the writer."""
        with self.lock:
            self.check_active()
            return dict(self._names)

    def check_active(self) -> None:
        """Raise StorageUnavailable (or WriterBusy) unless this process is the writer."""
        if self.state != "active":
            if isinstance(self.failure, StorageUnavailable):
                raise self.failure
            raise StorageUnavailable(str(self.failure or "the storage is starting; try again"))

    def resident(self, name: str) -> StudyMirror | None:
        """The study of that name where it is in memory; None where it has to be loaded. Raises StudyMissing."""
        with self.lock:
            self.check_active()
            study_id = self._names.get(name)
            if study_id is None:
                raise StudyMissing(name)
            return self.in_memory(study_id)

    def residents(self) -> list[StudyMirror]:
        """All studies in memory."""
        with self.lock:
            return list(self._resident.values())

    def load_name(self, name: str) -> StudyMirror:
        """The study of that name, loaded where it is not in memory. Blocks; raises StudyMissing."""
        study = self.resident(name)
        return study if study is not None else self.load(self._names[name])

    def load(self, study_id: int) -> StudyMirror:
        """The study, read from the database where it is not in memory. Blocks; raises StudyMissing."""
        return self._loader.load(study_id)

    def in_memory(self, study_id: int) -> StudyMirror | None:
        """The study where it is in memory. Under the lock."""
        study = self._resident.get(study_id)
        if study is not None:
            study.last_used = self.clock()
        return study

    def take_in(self, study: StudyMirror) -> None:
        """Keep a study in memory, one just read or just made. Under the lock."""
        study.last_used = self.clock()
        self._resident[study.study_id] = study
        self._names[study.name] = study.study_id

    def pending(self, study: StudyMirror) -> Batch | None:
        """The batch that changes of the study still wait in, if any."""
        with self.lock:
            return self.committer.pending(study.study_id)

    # Changing

    def change(self, study: StudyMirror) -> Change:
        """A change of `study`, to be made in a `with`; it joins the forming batch at the end of the block.

        Entering raises StorageUnavailable where this process does not write now.
        """
        return Change(self, study)

    def open_change(self, change: Change) -> None:
        """Take the lock for a change. Called by the change itself."""
        self.lock.acquire()
        try:
            if self.state != "active":
                self.check_active()
            if not change.study.alive:
                anew = f"study {change.study.name} is being read anew; try again"
                raise StorageUnavailable(anew, retry_after_seconds=0.1)
        except BaseException:
            self.lock.release()
            raise
        change.now = change.study.last_used = self.clock()

    def close_change(self, change: Change, *, failed: bool) -> None:
        """Submit a change, or undo it where it failed. Called by the change itself."""
        try:
            study = change.study
            if change.rows and failed:
                self._drop(study)
            elif change.rows:
                study.version += 1
                study.updated_at = change.now
                change.version = study.version
                self.committer.submit(change)
        finally:
            self.lock.release()

    def new_trial_id(self) -> int:
        """An unused trial id. Under the lock."""
        self._last_ids = (self._last_ids[0], self._last_ids[1] + 1)
        return self._last_ids[1]

    def note_trial_id(self, trial_id: int) -> bool:
        """Never give out a trial id up to this one; whether it was beyond ours. Under the lock."""
        study_id, last = self._last_ids
        self._last_ids = (study_id, max(last, trial_id))
        return trial_id > last

    def rename_studies(self, names: dict[str, int]) -> None:
        """The studies are now these, another process has made or deleted some. Under the lock."""
        for study in list(self._resident.values()):
            if names.get(study.name) != study.study_id:
                self._drop(study)
        self._names = dict(names)
        self._last_ids = (max(self._last_ids[0], *names.values(), 0), self._last_ids[1])

    def new_study(self, name: str, directions: Sequence[StudyDirection]) -> StudyMirror:
        """A study that is not written yet. Under the lock. Raises StudyNameTaken."""
        self.check_active()
        if name in self._names:
            raise StudyNameTaken(name)
        study_id, trial_id = self._last_ids
        study = StudyMirror(study_id + 1, name, list(directions))
        self._last_ids = (study_id + 1, trial_id)
        self.take_in(study)
        return study

    def delete(self, study: StudyMirror) -> Change:
        """Delete a study and all that belongs to it."""
        with self.change(study) as change:
            change.delete_study()
        with self.lock:
            self._drop(study)
            self._names.pop(study.name, None)
        return change

    def _drop(self, study: StudyMirror) -> None:
        study.alive = False
        if self._resident.get(study.study_id) is study:
            del self._resident[study.study_id]

    def _drop_all(self) -> None:
        for study in list(self._resident.values()):
            self._drop(study)

    # Where committing fails

    def _forget_refused(self, refused: set[int]) -> None:
        """Some study's change was refused: read it anew, and choose ids past those in use."""
        self.neighbours.expect()
        with self.database.read() as connection:
            names = studies.study_names(connection)
            last_ids = studies.largest_ids(connection)
        with self.lock:
            for study_id in refused & self._resident.keys():
                self._drop(self._resident[study_id])
            self._names = {n: i for n, i in self._names.items() if i in names or i not in refused}
            for study_id, name in names.items():
                if self.committer.pending(study_id) is None:  # Not one whose deletion is under way.
                    self._names.setdefault(name, study_id)
            self._last_ids = (max(self._last_ids[0], last_ids[0]), max(self._last_ids[1], last_ids[1]))

    def fail(self, batches: list[Batch], error: StorageUnavailable) -> None:
        """Fail `batches` and what is forming; throw all mirrors away, the database is the truth."""
        with self.lock:
            batches = [*batches, self.committer.take_all()]
            if self.state == "active":
                self.note_state("away", error)
            self._drop_all()
        for batch in batches:
            for change in batch.changes:
                change.error = StorageUnavailable(str(error))
            batch.end()


def open_engine(url: str, *, clock: Callable[[], float] = time.time) -> Engine:
    """Open the database as its writer, schema upgraded. Raises StorageError, WriterBusy where it has a writer."""
    engine = Engine(Database(url), clock=clock)
    engine.start()
    try:
        engine.wait_started()
    except StorageError:
        engine.close()
        raise
    return engine
