"""The engine: what the rest of the service has of the storage, put together from its parts."""

import contextlib
import time
from collections.abc import Callable, Sequence

from optuna.study import StudyDirection

from lrtune.service.storage.commit.batch import Batch
from lrtune.service.storage.commit.changes import Change
from lrtune.service.storage.commit.committer import Committer
from lrtune.service.storage.commit.open_change import OpenChange
from lrtune.service.storage.commit.queue import CommitQueue
from lrtune.service.storage.commit.writer_state import EngineState, WriterState
from lrtune.service.storage.database.database import Database
from lrtune.service.storage.engine.loader import StudyLoader
from lrtune.service.storage.engine.overview import Overview
from lrtune.service.storage.engine.pulse import Pulse
from lrtune.service.storage.engine.purge import Purge
from lrtune.service.storage.engine.shard_keeper import FEW_TRIAL_IDS, ShardKeeper
from lrtune.service.storage.engine.upkeep import Upkeep
from lrtune.service.storage.engine.writer_thread import WriterThread
from lrtune.service.storage.errors import (
    StorageError,
    StorageUnavailable,
    StudyElsewhere,
    StudyMissing,
    StudyUnreadable,
)
from lrtune.service.storage.memory.clocks import elapsed_seconds
from lrtune.service.storage.memory.mirrors import Mirrors
from lrtune.service.storage.memory.study import StudyMirror
from lrtune.service.storage.memory.summary import StudyFacts
from lrtune.service.storage.neighbours.watcher import Neighbours
from lrtune.service.storage.sql.reading import specs, studies
from lrtune.service.storage.sql.reading.summaries import StudyHead


class Engine:
    """One database's studies in memory.

    The engine comes back to `active` by itself; but where another process became the writer meanwhile, it tells
    `on_deposed` and closes. All mirrors are read and changed under `lock`, never held while the database is asked.
    Over a shared database it serves the studies of its shards alone, and others reach it at `address`.
    """

    def __init__(
        self,
        database: Database,
        *,
        clock: Callable[[], float] = time.time,
        elapsed: Callable[[], float] = elapsed_seconds,
        pulse: Pulse | None = None,
        idle_seconds: float = 600.0,
        on_deposed: Callable[[str], None] | None = None,
        address: str = "",
    ) -> None:
        self.database = database
        self.mirrors = Mirrors(clock, elapsed)
        if database.shared is not None:
            self.mirrors.shards.divide()
        self.pulse = pulse or Pulse()
        """That of the event loop that serves: whoever runs one beats it."""
        self.lock = self.mirrors.lock
        self._state = WriterState()
        self._queue = CommitQueue(self.mirrors, self._state)
        self.neighbours = Neighbours(database, self._queue)
        self.committer = Committer(database, self._queue, on_refused=self.neighbours.expect)
        self._loader = StudyLoader(database, self._queue)
        self._overview = Overview(database, self._queue, self._loader)
        self.purge = Purge(database, self._queue, self.committer)
        self.upkeep = Upkeep(database, self._queue, self.committer)
        self._thread = WriterThread(
            database,
            self._queue,
            self.committer,
            self.purge,
            self.pulse,
            idle_seconds=idle_seconds,
            on_active=self.neighbours.begin,
            on_deposed=on_deposed,
        )
        self.keeper: ShardKeeper | None = None
        """Takes shards and gives them up, where other processes write beside this one."""
        if database.shared is not None:
            self.keeper = ShardKeeper(
                *(database, self._queue, self.upkeep, self.purge, self.pulse),
                address=address,
                depose_after_seconds=database.depose_after_seconds,
            )

    # Life

    def start(self) -> None:
        """Start the thread that takes the lock, upgrades the schema, goes active and commits."""
        self._thread.start()
        self.neighbours.start()
        if self.keeper is not None:
            self.keeper.start()

    def wait_started(self, timeout_seconds: float = 30.0) -> None:
        """Wait for the first try to become the writer. Raises what it failed with, standby included."""
        self._thread.wait_tried(timeout_seconds)
        if self.failure is not None:
            raise self.failure

    def close(self) -> None:
        """Commit what is pending, give the lock up and end the threads. Waits at most 50 s."""
        self.neighbours.close()
        if self.keeper is not None:
            self.keeper.close()
        self._thread.close()
        self.database.close()

    @property
    def state(self) -> EngineState:
        """Whether this process is the writer."""
        return self._state.name

    @property
    def failure(self) -> StorageError | None:
        """Why it is not; None where it is, or nobody knows yet."""
        return self._state.failure

    def check_active(self) -> None:
        """Raise StorageUnavailable (or WriterBusy) unless this process is the writer."""
        self._state.check_active()

    @property
    def activations(self) -> int:
        """How often this process has become the writer."""
        return self.mirrors.generation

    @property
    def takeovers(self) -> int:
        """How often it has become the writer, or got shards: each time there may be leases to watch."""
        return self.mirrors.generation + self.mirrors.shards.gains

    def check_serves(self, name: str) -> None:
        """Raise StudyElsewhere where another process serves the study of that name; as `check_active` otherwise."""
        self.check_active()
        self.mirrors.shards.check(name)

    def clock(self) -> float:
        """Seconds since the epoch: for people and rows."""
        return self.mirrors.clock()

    def elapsed(self) -> float:
        """Seconds by the clock that deadlines are judged by."""
        return self.mirrors.elapsed()

    # Reading

    def load_leased(self) -> None:
        """Load every study that has trials out on lease, so that their leases are watched, but for those that cannot be
        read. Blocks; raises StorageUnavailable where some are to be loaded later: another process has locked them."""
        with self.database.read() as connection:
            study_ids = self.of_our_shards(studies.studies_with_leases(connection))
        later: StorageUnavailable | None = None
        for study_id in study_ids:
            try:
                with contextlib.suppress(StudyMissing, StudyUnreadable, StudyElsewhere):
                    self.load(study_id)
            except StorageUnavailable as error:
                self.check_active()
                later = error
        if later is not None:
            raise later

    def of_our_shards(self, study_ids: Sequence[int]) -> list[int]:
        """Those of these studies that this process serves."""
        if not self.mirrors.shards.divided:
            return list(study_ids)
        with self.lock:
            ours = {study_id for name, study_id in self.mirrors.names().items() if self.mirrors.shards.holds(name)}
        return [study_id for study_id in study_ids if study_id in ours]

    def check_specs(self) -> None:
        """Find the studies whose specs cannot be read, for `unreadable`. Blocks."""
        with self.database.read() as connection:
            found = specs.unreadable_specs(connection)
        for study_id, error in found.items():
            self._loader.note_unreadable(study_id, error)

    def unreadable(self) -> dict[str, str]:
        """The studies that cannot be read, as far as that was found, by name, each with why."""
        return self.mirrors.unreadable()

    def study_names(self) -> dict[str, int]:
        """All studies' ids by name. Raises StorageUnavailable while this process is not the writer."""
        with self.lock:
            self.check_active()
            return self.mirrors.names()

    def resident(self, name: str) -> StudyMirror | None:
        """The study of that name where it is in memory; None where it has to be loaded. Raises StudyMissing,
        StudyElsewhere."""
        with self.lock:
            self.check_serves(name)
            return self.mirrors.in_memory(self.mirrors.id_of(name))

    def facts(self, names: Sequence[str]) -> dict[str, StudyFacts]:
        """What lists show of these studies, of those that lrtune created. None is loaded for it but
        those with a budget of steps and trials that wait for it. Blocks."""
        return self._overview.facts(names)

    def heads(self) -> list[StudyHead]:
        """All studies by id, as Optuna lists them, but those that cannot be read; none is loaded for it. Blocks."""
        return self._overview.heads()

    def residents(self) -> list[StudyMirror]:
        """All studies in memory."""
        return self.mirrors.residents()

    def load_name(self, name: str) -> StudyMirror:
        """The study of that name, loaded where it is not in memory. Blocks; raises StudyMissing, StudyUnreadable."""
        study = self.resident(name)
        return study if study is not None else self.load(self.mirrors.id_of(name))

    def load(self, study_id: int) -> StudyMirror:
        """The study, read from the database where it is not in memory. Blocks; raises StudyMissing,
        StudyUnreadable."""
        return self._loader.load(study_id)

    def read_apart(self, name: str) -> StudyMirror:
        """The study of another process as the database has it now: to be looked at, never changed. Blocks; raises
        StudyMissing, StudyUnreadable."""
        return self._loader.read_apart(name)

    def pending(self, study: StudyMirror) -> Batch | None:
        """The batch that changes of the study still wait in, if any."""
        with self.lock:
            return self._queue.pending.get(study.study_id)

    # Changing

    def change(self, study: StudyMirror) -> OpenChange:
        """A change of `study`, to be made in a `with`; it joins the forming batch at the end of the block.

        Entering raises StorageUnavailable where this process does not write now.
        """
        return OpenChange(self._queue, study)

    def new_trial_id(self) -> int:
        """An unused trial id. Under the lock."""
        if self.keeper is not None and self.mirrors.trial_ids.left < FEW_TRIAL_IDS:
            self.keeper.look_soon()
        return self.mirrors.new_trial_id()

    def new_study(self, name: str, directions: Sequence[StudyDirection]) -> StudyMirror:
        """A study that is not written yet. Under the lock. Raises StudyNameTaken."""
        self.check_active()
        return self.mirrors.new_study(name, directions)

    def delete_unread(self, name: str) -> Change:
        """Delete a study that cannot be read. Raises StudyMissing, StudyElsewhere."""
        with self.lock:
            self.check_serves(name)
            study = StudyMirror(self.mirrors.id_of(name), name, [StudyDirection.MINIMIZE])
            self.mirrors.take_in(study)
            return self.delete(study, unread=True)

    def delete(self, study: StudyMirror, *, unread: bool = False) -> Change:
        """Delete a study and all that belongs to it: on disk it is gone under its name, and no change follows; its rows
        are removed afterwards. Raises StudyMissing where it was deleted before."""
        with self.lock:
            with self.change(study) as change:
                change.delete_study(unread=unread)
            self.mirrors.remove(study)
            self.purge.add(study.study_id)
        return change


def open_engine(
    url: str, *, clock: Callable[[], float] = time.time, elapsed: Callable[[], float] = elapsed_seconds
) -> Engine:
    """Open the database as its writer, schema upgraded. Raises StorageError, WriterBusy where it has a writer."""
    engine = Engine(Database(url), clock=clock, elapsed=elapsed)
    engine.start()
    try:
        engine.wait_started()
    except StorageError:
        engine.close()
        raise
    return engine
