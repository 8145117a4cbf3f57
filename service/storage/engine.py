"""The engine: the mirrors, and the one thread that commits what was changed in them."""

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

from optuna.study import StudyDirection

from service.storage import loading, schema
from service.storage.changes import Batch, Change
from service.storage.database import Database, RowsRefused
from service.storage.errors import (
    StorageError,
    StorageUnavailable,
    StudyMissing,
    StudyNameTaken,
    WriterBusy,
)
from service.storage.mirror import StudyMirror
from service.storage.statements import Op, Row

_log = logging.getLogger(__name__)

_RETRY_SECONDS = 0.5
_PING_SECONDS = 5.0
_LOAD_TIMEOUT_SECONDS = 60.0

EngineState = Literal["starting", "standby", "active", "away", "closed"]


class Engine:
    """One database's studies in memory.

    `active`: this process is the writer. `standby`: another process is. `away`: the database does not answer, or its
    schema is not ours (`detail` says). The engine comes back to `active` by itself.

    All mirrors are read and changed under `lock`; it is never held while the database is asked.
    """

    def __init__(
        self,
        database: Database,
        *,
        clock: Callable[[], float] = time.time,
        idle_seconds: float = 600.0,
    ) -> None:
        self.database = database
        self.clock = clock
        self.lock = threading.RLock()
        self.state: EngineState = "starting"
        self.failure: StorageError | None = None
        self.activations = 0
        self.on_commit: list[Callable[[set[int]], None]] = []
        self.on_batch: list[Callable[[int, float], None]] = []
        self._idle_seconds = idle_seconds
        self._names: dict[str, int] = {}
        self._resident: dict[int, StudyMirror] = {}
        self._last_ids = (0, 0)
        self._forming = Batch()
        self._pending: dict[int, Batch] = {}
        self._loading: dict[int, threading.Lock] = {}
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._tried = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lrtune-committer", daemon=True)

    # Life

    def start(self) -> None:
        """Start the committer thread; it takes the lock, upgrades the schema and goes active."""
        self._thread.start()

    def wait_started(self, timeout_seconds: float = 30.0) -> None:
        """Wait for the first try to become the writer. Raises what it failed with, standby included."""
        if not self._tried.wait(timeout_seconds):
            raise StorageUnavailable(f"the database did not answer within {timeout_seconds:.0f} s")
        if self.failure is not None:
            raise self.failure

    def close(self) -> None:
        """Commit what is pending, give the lock up and end the thread. Waits at most 30 s."""
        self._closing.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout=30.0)
        self.database.close()

    def _run(self) -> None:
        last_ping = time.monotonic()
        while True:
            closing = self._closing.is_set()
            if self.state != "active" and not closing:
                self._try_to_activate()
            if self.state == "active":
                if not closing:
                    self._wake.wait(_RETRY_SECONDS)
                self._wake.clear()
                self._commit_pending()
                if time.monotonic() - last_ping > _PING_SECONDS:
                    last_ping = time.monotonic()
                    self._keep_house()
            elif not closing:
                self._closing.wait(_RETRY_SECONDS)
            if closing:
                break
        with self.lock:
            self.state = "closed"
        self._fail([], StorageUnavailable("the service is shutting down; try again"))
        self.database.release()

    def _try_to_activate(self) -> None:
        try:
            self.database.acquire()
            try:
                schema.upgrade(self.database)
                with self.database.read() as connection:
                    names = loading.study_names(connection)
                    last_ids = loading.largest_ids(connection)
            except BaseException:
                self.database.release()
                raise
        except StorageError as error:
            self._note_state("standby" if isinstance(error, WriterBusy) else "away", error)
        except Exception as error:
            _log.exception("cannot become the writer")
            self._note_state("away", StorageUnavailable(f"cannot open the storage: {error}"))
        else:
            with self.lock:
                self._names = {name: study_id for study_id, name in names.items()}
                self._last_ids = last_ids
                for study in self._resident.values():
                    study.alive = False
                self._resident.clear()
                self.activations += 1
            self._note_state("active", None)
        self._tried.set()

    def _note_state(self, state: EngineState, failure: StorageError | None) -> None:
        with self.lock:
            if self.state != state:
                _log.log(
                    logging.INFO if state == "active" else logging.WARNING,
                    "storage is %s%s",
                    state,
                    f": {failure}" if failure else "",
                )
            self.state = state
            self.failure = failure

    def _keep_house(self) -> None:
        """Notice a dead connection while nothing is written; drop the mirrors of idle studies."""
        try:
            self.database.check_writer()
        except StorageUnavailable as error:
            self._fail([], error)
            return
        now = self.clock()
        with self.lock:
            idle = [
                study
                for study in self._resident.values()
                if not study.leased
                and study.study_id not in self._pending
                and now - study.last_used > self._idle_seconds
            ]
            for study in idle:
                self._drop(study)

    # Reading

    def load_leased(self) -> None:
        """Load every study that has trials out on lease, so that their leases are watched. Blocks."""
        with self.database.read() as connection:
            study_ids = loading.studies_with_leases(connection)
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
            raise (
                self.failure
                if isinstance(self.failure, StorageUnavailable)
                else StorageUnavailable(str(self.failure or "the storage is starting; try again"))
            )

    def resident(self, name: str) -> StudyMirror | None:
        """The study of that name where it is in memory; None where it has to be loaded. Raises StudyMissing."""
        with self.lock:
            self.check_active()
            study_id = self._names.get(name)
            if study_id is None:
                raise StudyMissing(name)
            study = self._resident.get(study_id)
            if study is not None:
                study.last_used = self.clock()
            return study

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
        with self.lock:
            self.check_active()
            study = self._resident.get(study_id)
            if study is not None:
                study.last_used = self.clock()
                return study
            gate = self._loading.setdefault(study_id, threading.Lock())
            activations = self.activations
        with gate:
            with self.lock:
                study = self._resident.get(study_id)
                pending = self._pending.get(study_id)
            if study is not None:
                return study
            if pending is not None and not pending.wait(_LOAD_TIMEOUT_SECONDS):
                raise StorageUnavailable("the database is too slow to load the study; try again")
            with self.database.read() as connection:
                study = loading.load_study(connection, study_id, self.clock())
            with self.lock:
                self._loading.pop(study_id, None)
                self.check_active()
                if self.activations != activations:
                    raise StorageUnavailable("the database went away while the study was read; try again")
                if study is None:
                    raise StudyMissing(str(study_id))
                study.last_used = self.clock()
                self._resident[study_id] = study
                self._names[study.name] = study_id
            return study

    def pending(self, study: StudyMirror) -> Batch | None:
        """The batch that changes of the study still wait in, if any."""
        with self.lock:
            return self._pending.get(study.study_id)

    # Changing

    @contextlib.contextmanager
    def change(self, study: StudyMirror) -> Iterator[Change]:
        """A change of `study`, under the lock; it joins the forming batch at the end of the block.

        A block that raises before it changed anything leaves nothing behind; one that raises later has the mirror
        thrown away. Raises StorageUnavailable where this process does not write now.
        """
        with self.lock:
            self.check_active()
            if not study.alive:
                raise StorageUnavailable(f"study {study.name} is being read anew; try again", retry_after_seconds=0.1)
            change = Change(study, self.clock())
            try:
                yield change
            except BaseException:
                if change.rows:
                    self._drop(study)
                raise
            if change.rows:
                self._submit(change)

    def _submit(self, change: Change) -> None:
        study = change.study
        study.version += 1
        study.updated_at = change.now
        study.last_used = change.now
        change.version = study.version
        change.batch = self._forming
        self._forming.changes.append(change)
        self._pending[study.study_id] = self._forming
        if len(self._forming.changes) == 1:
            self._wake.set()

    def new_trial_id(self) -> int:
        """An unused trial id. Under the lock."""
        study_id, trial_id = self._last_ids
        self._last_ids = (study_id, trial_id + 1)
        return trial_id + 1

    def new_study(self, name: str, directions: Sequence[StudyDirection]) -> StudyMirror:
        """A study that is not written yet. Under the lock. Raises StudyNameTaken."""
        self.check_active()
        if name in self._names:
            raise StudyNameTaken(name)
        study_id, trial_id = self._last_ids
        study = StudyMirror(study_id + 1, name, list(directions), last_used=self.clock())
        self._last_ids = (study_id + 1, trial_id)
        self._names[name] = study.study_id
        self._resident[study.study_id] = study
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

    # Committing

    def _commit_pending(self) -> None:
        with self.lock:
            batch, self._forming = self._forming, Batch()
        if not batch.changes:
            return
        begun = time.perf_counter()
        try:
            self.database.write(_rows(batch.changes))
        except RowsRefused as refusal:
            _log.warning("a batch of %d changes was refused: %s", len(batch.changes), refusal)
            self._commit_singly(batch)
        except StorageUnavailable as error:
            self._fail([batch], error)
            return
        for observe in self.on_batch:
            observe(len(batch.changes), time.perf_counter() - begun)
        self._finish(batch)

    def _commit_singly(self, batch: Batch) -> None:
        """Commit change by change, so that a bad row fails alone, with what was decided on top of it."""
        refused: set[int] = set()
        for change in batch.changes:
            study = change.study
            if study.study_id in refused:
                change.error = StorageUnavailable(
                    f"an earlier change of study {study.name} was refused; try again", retry_after_seconds=0.1
                )
                continue
            try:
                self.database.write(_rows([change]))
            except RowsRefused as refusal:
                change.error = StorageUnavailable(
                    f"the database refused the change ({refusal}); try again", retry_after_seconds=0.1
                )
                refused.add(study.study_id)
            except StorageUnavailable as error:
                self._fail([batch], error)
                return
        self._forget_refused(refused)

    def _forget_refused(self, refused: set[int]) -> None:
        with self.database.read() as connection:
            names = loading.study_names(connection)
            last_ids = loading.largest_ids(connection)
        with self.lock:
            for change in self._forming.changes:
                if change.study.study_id in refused:
                    change.error = StorageUnavailable("the study changed meanwhile; try again")
            self._forming.changes = [change for change in self._forming.changes if change.error is None]
            for study_id in refused:
                if study_id in self._resident:
                    self._drop(self._resident[study_id])
            known = set(names)
            self._names = {n: i for n, i in self._names.items() if i in known or i not in refused}
            self._last_ids = (max(self._last_ids[0], last_ids[0]), max(self._last_ids[1], last_ids[1]))

    def _finish(self, batch: Batch) -> None:
        studies = {change.study.study_id for change in batch.changes}
        with self.lock:
            for study_id in studies:
                if self._pending.get(study_id) is batch:
                    del self._pending[study_id]
        batch.finish()
        for notify in self.on_commit:
            notify(studies)

    def _fail(self, batches: list[Batch], error: StorageUnavailable) -> None:
        """Fail `batches` and what is forming; throw all mirrors away, the database is the truth."""
        with self.lock:
            forming, self._forming = self._forming, Batch()
            batches = [*batches, forming]
            if self.state == "active":
                self._note_state("away", error)
            for study in list(self._resident.values()):
                self._drop(study)
            self._pending.clear()
        for batch in batches:
            for change in batch.changes:
                change.error = StorageUnavailable(str(error))
            batch.finish()


def _rows(changes: Sequence[Change]) -> Iterator[Row]:
    versions: dict[int, Row] = {}
    for change in changes:
        yield from change.rows
        study = change.study
        if study.spec is not None:
            row = {"of_study_id": study.study_id, "version": change.version, "updated_at": change.now}
            versions[study.study_id] = (Op.UPDATE_VERSION, row)
    yield from versions.values()


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
