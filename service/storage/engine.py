"""The engine: the mirrors, and the one thread that commits what was changed in them."""

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Literal

from optuna.study import StudyDirection

from service.storage import loading, schema
from service.storage.batch import Batch
from service.storage.changes import Change
from service.storage.committer import Committer
from service.storage.database import Database
from service.storage.errors import (
    StorageError,
    StorageUnavailable,
    StudyMissing,
    StudyNameTaken,
    WriterBusy,
)
from service.storage.mirror import StudyMirror
from service.storage.neighbours import Neighbours
from service.storage.statements import Op

_log = logging.getLogger(__name__)

_RETRY_SECONDS = 0.5
_PING_SECONDS = 2.0

EngineState = Literal["starting", "standby", "active", "away", "closed"]


class Engine:
    """One database's studies in memory.

    `active`: this process is the writer. `standby`: another process is. `away`: the database does not answer, or its
    schema is not ours (`detail` says). The engine comes back to `active` by itself; but
    where another process became the writer meanwhile, it tells `on_deposed` and closes.

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
        self._on_deposed = on_deposed
        self._names: dict[str, int] = {}
        self._resident: dict[int, StudyMirror] = {}
        self._last_ids = (0, 0)
        self._loading: dict[int, threading.Lock] = {}
        self.committer = Committer(database, self.lock, on_refused=self._forget_refused, on_failed=self._fail)
        self.neighbours = Neighbours(self)
        self._closing = threading.Event()
        self._tried = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lrtune-committer", daemon=True)

    # Life

    def start(self) -> None:
        """Start the committer thread; it takes the lock, upgrades the schema and goes active."""
        self._thread.start()
        self.neighbours.start()

    def wait_started(self, timeout_seconds: float = 30.0) -> None:
        """Wait for the first try to become the writer. Raises what it failed with, standby included."""
        if not self._tried.wait(timeout_seconds):
            raise StorageUnavailable(f"the database did not answer within {timeout_seconds:.0f} s")
        if self.failure is not None:
            raise self.failure

    def close(self) -> None:
        """Commit what is pending, give the lock up and end the thread. Waits at most 30 s."""
        self.neighbours.close()
        self._closing.set()
        self.committer.wake.set()
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
                    self.committer.wake.wait(_RETRY_SECONDS)
                self.committer.wake.clear()
                self._commit()
                if time.monotonic() - last_ping > _PING_SECONDS:
                    last_ping = time.monotonic()
                    self._checkpoint()
                    self._keep_house()
            elif not closing:
                self._closing.wait(_RETRY_SECONDS)
            if closing:
                break
        with self.lock:
            self.state = "closed"
        self._fail([], StorageUnavailable("the service is shutting down; try again"))
        self.database.release()

    def _commit(self) -> None:
        try:
            self.committer.commit()
        except Exception:  # Of who is told of commits. This thread must not end: nothing would be committed any more.
            _log.exception("after a commit")

    def _checkpoint(self) -> None:
        try:
            self.database.checkpoint()
        except StorageUnavailable as error:
            _log.warning("the write-ahead log was not carried over: %s", error)

    def _try_to_activate(self) -> None:
        try:
            self.database.acquire()
            try:
                schema.upgrade(self.database)
                with self.database.read() as connection:
                    names = loading.study_names(connection)
                    last_ids = loading.largest_ids(connection)
                self.database.probe()
            except BaseException as error:
                if self.activations and isinstance(error, StorageUnavailable):
                    self.database.disconnect()
                else:
                    self.database.release()
                raise
        except StorageError as error:
            self._note_state("standby" if isinstance(error, WriterBusy) else "away", error)
            if isinstance(error, WriterBusy) and self.activations:
                self._note_deposed()
        except Exception as error:
            _log.exception("cannot become the writer")
            self._note_state("away", StorageUnavailable(f"cannot open the storage: {error}"))
        else:
            with self.lock:
                self._names = {name: study_id for study_id, name in names.items()}
                self._last_ids = last_ids
                self.neighbours.begin(last_ids[1])
                for study in self._resident.values():
                    study.alive = False
                self._resident.clear()
                self.activations += 1
            self._note_state("active", None)
        self._tried.set()

    def _note_deposed(self) -> None:
        """Another process took the lock while this one was stopped or cut off. Its owner decides what follows; without
        one, it waits as standby."""
        if self._on_deposed is not None:
            self._closing.set()
            self._on_deposed(
                f"another lrtune process has taken {self.database.shown_url} over while this one was stopped or cut "
                "off; this one ends: start it again, and it waits as standby"
            )

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
            with self.committer.resting():
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
                and self.committer.pending(study.study_id) is None
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
                pending = self.committer.pending(study_id)
            if study is not None:
                return study
            if pending is not None:
                pending.wait()
            with self.database.snapshot() as connection:
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
                self._set_right(study)
            return study

    def _set_right(self, study: StudyMirror) -> None:
        """Write back where a study as loaded is not as we keep it: another process has written it meanwhile."""
        if study.trials:
            self.note_trial_id(study.trials[-1].trial_id)
        lapsed, misnumbered = study.cache.pop("lapsed", ()), study.cache.pop("misnumbered", ())
        if lapsed or misnumbered:
            with self.change(study) as change:
                change.rows += [(Op.RENUMBER_TRIAL, row) for row in misnumbered]
                for trial in lapsed:
                    change.set_work(trial, trial.work)

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
                raise StorageUnavailable(
                    f"study {change.study.name} is being read anew; try again", retry_after_seconds=0.1
                )
        except BaseException:
            self.lock.release()
            raise
        change.now = change.study.last_used = self.clock()

    def close_change(self, change: Change, *, failed: bool) -> None:
        """Submit a change, or undo it where it failed. Called by the change itself."""
        try:
            study = change.study
            if not change.rows:
                return
            if failed:
                self._drop(study)
                return
            study.version += 1
            study.updated_at = change.now
            change.version = study.version
            self.committer.submit(change)
        finally:
            self.lock.release()

    def new_trial_id(self) -> int:
        """An unused trial id. Under the lock."""
        study_id, trial_id = self._last_ids
        self._last_ids = (study_id, trial_id + 1)
        return trial_id + 1

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

    # Where committing fails

    def _forget_refused(self, refused: set[int]) -> None:
        """Some study's change was refused: read it anew, and choose ids past those in use."""
        self.neighbours.expect()
        with self.database.read() as connection:
            names = loading.study_names(connection)
            last_ids = loading.largest_ids(connection)
        with self.lock:
            for study_id in refused & self._resident.keys():
                self._drop(self._resident[study_id])
            self._names = {n: i for n, i in self._names.items() if i in names or i not in refused}
            for study_id, name in names.items():
                if self.committer.pending(study_id) is None:  # Not one whose deletion is under way.
                    self._names.setdefault(name, study_id)
            self._last_ids = (max(self._last_ids[0], last_ids[0]), max(self._last_ids[1], last_ids[1]))

    def _fail(self, batches: list[Batch], error: StorageUnavailable) -> None:
        """Fail `batches` and what is forming; throw all mirrors away, the database is the truth."""
        with self.lock:
            batches = [*batches, self.committer.take_all()]
            if self.state == "active":
                self._note_state("away", error)
            for study in list(self._resident.values()):
                self._drop(study)
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
