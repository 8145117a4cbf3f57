"""All studies of a database in memory: the names and ids there are, the mirrors, and the lock on all of it."""

import contextlib
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Container, Iterable, Mapping, Sequence

from optuna.study import StudyDirection

from lrtune.service.storage.errors import StudyMissing, StudyNameTaken
from lrtune.service.storage.memory.clocks import elapsed_seconds
from lrtune.service.storage.memory.ids import Ids
from lrtune.service.storage.memory.shards import HeldShards, shard_of
from lrtune.service.storage.memory.study import StudyMirror
from lrtune.service.storage.memory.trial import TrialMirror

FREED_AT_ONCE = 500
"""Trials, in a millisecond or two."""
_READ_ON_SECONDS = 60.0
"""How long who reads a mirror that was thrown away is waited for."""

PAUSE_SECONDS = 0.0005
"""Between two holds of the lock by a thread that does long work: else it has the lock again before anybody who waits
for it wakes."""


class Mirrors:
    """The names of all studies, the mirrors of those in memory, and the ids that are chosen for what is new.

    All of it, and every mirror, is read and changed under `lock`; it is never held while the database is asked. What is
    here is true while this process is the writer: whoever becomes the writer says so with `begin`.
    """

    def __init__(self, clock: Callable[[], float] = time.time, elapsed: Callable[[], float] = elapsed_seconds) -> None:
        self.lock = threading.RLock()
        self.clock = clock
        """Seconds since the epoch: for people and rows."""
        self.elapsed = elapsed
        """Seconds that deadlines are judged by; the wall clock may be set."""
        self.generation = 0
        """How often `begin` was called: what was read from the database before is void."""
        self._names: dict[str, int] = {}
        self._resident: dict[int, StudyMirror] = {}
        self.shards = HeldShards()
        self.study_ids, self.trial_ids = Ids(), Ids()
        self._unreadable: dict[int, str] = {}
        self._leftovers: deque[tuple[float, list[TrialMirror]]] = deque()

    def begin(self, names: Mapping[str, int], last_ids: tuple[int, int]) -> None:
        """What was known is void: there are these studies, and these are the last study and trial ids in use."""
        with self.lock:
            self.drop_all()
            self._names = dict(names)
            self.study_ids.begin(last_ids[0])
            self.trial_ids.begin(last_ids[1])
            self._unreadable.clear()
            self.generation += 1

    # Finding

    def names(self) -> dict[str, int]:
        """All studies' ids by name."""
        with self.lock:
            return dict(self._names)

    def id_of(self, name: str) -> int:
        """The id of the study of that name. Raises StudyMissing."""
        with self.lock:
            study_id = self._names.get(name)
        if study_id is None:
            raise StudyMissing(name)
        return study_id

    def in_memory(self, study_id: int) -> StudyMirror | None:
        """The study where it is in memory; it counts as used now. Under the lock."""
        study = self._resident.get(study_id)
        if study is not None:
            study.last_used = self.elapsed()
        return study

    def peek(self, study_id: int) -> StudyMirror | None:
        """The study where it is in memory, without that counting as use: a list keeps nothing in memory. Under the
        lock."""
        return self._resident.get(study_id)

    def residents(self) -> list[StudyMirror]:
        """All studies in memory."""
        with self.lock:
            return list(self._resident.values())

    def unreadable(self) -> dict[str, str]:
        """The studies that were found to be unreadable, by name, each with why."""
        with self.lock:
            return {name: self._unreadable[i] for name, i in self._names.items() if i in self._unreadable}

    # Coming and going. Under the lock.

    def note_unreadable(self, study_id: int, why: str) -> bool:
        """The study cannot be read; whether that is news."""
        known = self._unreadable.get(study_id)
        self._unreadable[study_id] = why
        return known != why

    def new_study(self, name: str, directions: Sequence[StudyDirection]) -> StudyMirror:
        """A study that is not written yet. Raises StudyNameTaken, StudyElsewhere."""
        self.shards.check(name)
        if name in self._names:
            raise StudyNameTaken(name)
        study = StudyMirror(self.study_ids.new(), name, list(directions))
        self.take_in(study)
        return study

    def take_in(self, study: StudyMirror) -> None:
        """Keep a study in memory, one just read or just made."""
        study.last_used = self.elapsed()
        self._unreadable.pop(study.study_id, None)
        self._resident[study.study_id] = study
        self._names[study.name] = study.study_id

    def drop(self, study: StudyMirror) -> None:
        """Throw a mirror away: the next use reads the study from the database."""
        study.alive = False
        if self._resident.get(study.study_id) is study:
            del self._resident[study.study_id]
            if len(study.trials) > FREED_AT_ONCE:
                self._leftovers.append((self.elapsed() + _READ_ON_SECONDS, list(study.trials)))

    @property
    def has_leftovers(self) -> bool:
        """Whether trials of mirrors that were thrown away are still held, so that they are freed a few at a time."""
        return bool(self._leftovers)

    def free_some(self) -> None:
        """Let go of the next few of them: the memory of 100,000 trials takes a third of a second to give back, in which
        no other thread runs. Who still reads the mirror is waited for: it would free the rest in one go. Not under the
        lock."""
        with contextlib.suppress(IndexError):
            wait_until, trials = self._leftovers[0]
            is_read = sys.getrefcount(trials[-1]) > 2  # By more than this list, and the call.
            if is_read and self.elapsed() < wait_until:
                return
            del trials[-FREED_AT_ONCE:]
            if not trials:
                self._leftovers.popleft()

    def drop_all(self) -> None:
        """Throw all mirrors away. Where shards are divided they are lost, too, until their locks are taken anew."""
        self.shards.lose_all()
        for study in list(self._resident.values()):
            self.drop(study)

    def drop_idle(self, idle_seconds: float, in_use: Container[int]) -> None:
        """Throw the mirrors away that nobody has used for so long: without leases, their ids not `in_use`."""
        unused_since = self.elapsed() - idle_seconds
        for study in list(self._resident.values()):
            if study.last_used < unused_since and not study.leased and study.study_id not in in_use:
                self.drop(study)

    def remove(self, study: StudyMirror) -> None:
        """The study is deleted: its name is free."""
        study.deleted = True
        self.drop(study)
        self._names.pop(study.name, None)

    def take_back(self, study: StudyMirror, *, exists: bool) -> None:
        """A change of the study was not kept, its deletion maybe: drop the mirror. `exists`: whether the database has
        the study."""
        self.drop(study)
        study.deleted = False
        if exists:
            self._names.setdefault(study.name, study.study_id)
        elif self._names.get(study.name) == study.study_id:
            del self._names[study.name]

    def rename(self, names: Mapping[str, int]) -> None:
        """The studies are now these: another process has made or deleted some."""
        for study in list(self._resident.values()):
            if names.get(study.name) != study.study_id:
                self.drop(study)
        self._names = dict(names)
        if not self.shards.divided:  # Else they are mostly of other processes, and ours come in blocks.
            self.study_ids.note(max(names.values(), default=0))

    def put_right(
        self, refused: Iterable[int], names: Mapping[int, str], last_ids: tuple[int, int], in_use: Container[int]
    ) -> None:
        """The database refused changes of the studies `refused`, for it holds `names` and `last_ids`: drop their
        mirrors, know their names, and choose ids past those. Names of what else is `in_use` are left: it may be on
        its way into the database or out of it."""
        refused = set(refused)
        for study_id in refused & self._resident.keys():
            self.drop(self._resident[study_id])
        self._names = {name: i for name, i in self._names.items() if i in names or i not in refused}
        for study_id, name in names.items():
            if study_id in refused or study_id not in in_use:
                self._names.setdefault(name, study_id)
        self.study_ids.note(last_ids[0])
        self.trial_ids.note(last_ids[1])

    # Shards. Under the lock.

    def gain(self, shards: Collection[int], names: Mapping[str, int]) -> None:
        """Serve these shards from now on. `names`: the studies of the database, read after their locks were taken."""
        theirs = {name: study_id for name, study_id in names.items() if shard_of(name) in shards}
        self._names = {name: i for name, i in self._names.items() if shard_of(name) not in shards} | theirs
        self.study_ids.drop_block()
        self.trial_ids.drop_block()
        self.shards.gain(shards)

    def give_up(self, shards: Collection[int]) -> set[int]:
        """Serve these shards no more: no change of a study of theirs can be begun from here on. The ids of those that
        were in memory."""
        self.shards.lose(shards)
        theirs = [study for study in self._resident.values() if shard_of(study.name) in shards]
        for study in theirs:
            study.elsewhere = True
            self.drop(study)
        return {study.study_id for study in theirs}

    # Ids. Under the lock.

    def new_trial_id(self) -> int:
        """An unused trial id."""
        return self.trial_ids.new()

    def note_trial_id(self, trial_id: int) -> bool:
        """Never give out a trial id up to this one; whether it was beyond ours."""
        beyond = trial_id > self.trial_ids.last
        self.trial_ids.note(trial_id)
        return beyond
