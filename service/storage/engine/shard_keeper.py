"""The thread that takes shards and gives them up, where several processes serve one database.

Four times a second it looks who holds which locks. A process with less than its share takes what is free, one with more
gives up the rest; nobody is asked to agree, the locks decide. So a process that joins has its share within a second,
and what one leaves behind that was killed is served again as soon as the server has noticed.
"""

import logging
import secrets
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from lrtune.service.storage.commit.queue import CommitQueue
from lrtune.service.storage.database.database import Database
from lrtune.service.storage.database.shard_locks import Member, find_members, release_shards, take_shards
from lrtune.service.storage.database.writer_lock import Silence, end_backend
from lrtune.service.storage.engine.pulse import Pulse
from lrtune.service.storage.engine.purge import Purge
from lrtune.service.storage.engine.shares import share_of
from lrtune.service.storage.engine.upkeep import Upkeep
from lrtune.service.storage.errors import StorageError, StorageUnavailable
from lrtune.service.storage.memory.clocks import elapsed_seconds
from lrtune.service.storage.memory.shards import EVERY_SHARD
from lrtune.service.storage.sql.deleted import deleted_studies
from lrtune.service.storage.sql.reading import studies
from lrtune.service.storage.sql.reading.sequences import draw
from lrtune.service.storage.sql.writing.processes import register

_log = logging.getLogger(__name__)

_ROUND_SECONDS = 0.25
_HUNG_SECONDS = 2.0
"""A loop that has not turned for so long serves nobody."""
_COUNTED_UNTIL_SECONDS = 6.0
"""One that has said nothing for so long gets no share: a process that lives says something every two seconds."""
_STUDY_IDS, _TRIAL_IDS = 200, 2_000
"""In a block."""
FEW_TRIAL_IDS = _TRIAL_IDS // 2
"""With so few left, others are drawn."""

Result = TypeVar("Result")


@dataclass(frozen=True)
class Owner:
    """The process that serves a shard."""

    address: str
    """Where other processes reach it."""
    secret: str
    """By which it knows that a request comes from one of them."""


class ShardKeeper:
    """The shards of one process. `owners` is for any thread; all else for this object's own."""

    def __init__(
        self,
        database: Database,
        queue: CommitQueue,
        upkeep: Upkeep,
        purge: Purge,
        pulse: Pulse,
        *,
        address: str,
        depose_after_seconds: float,
        clock: Callable[[], float] = elapsed_seconds,
    ) -> None:
        self.itself = Owner(address, secrets.token_urlsafe(24))
        self.owners: dict[int, Owner] = {}
        """Who serves which shard, as of the last look; a shard that nobody serves is left out."""
        self._database, self._queue, self._upkeep, self._purge, self._pulse = database, queue, upkeep, purge, pulse
        self._mirrors = queue.mirrors
        self._depose_after_seconds = depose_after_seconds
        self._clock = clock
        self._silences: dict[int, Silence] = {}
        self._registered: tuple[int, bool] = (0, False)
        self._leaving = threading.Event()
        self._closing = threading.Event()
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lrtune-shards", daemon=True)

    def start(self) -> None:
        """Start taking shards, once this process may write."""
        self._thread.start()

    def look_soon(self) -> None:
        """Look at once, not at the next round: a request came to one that does not serve its shard. From any thread."""
        self._wake.set()

    def leave(self) -> None:
        """Give all shards up, where there is somebody who takes them: this process is about to end. From any thread."""
        self._leaving.set()
        self._wake.set()

    def close(self) -> None:
        """End; waits at most 10 s. Locks that are still held end with the connection."""
        self._closing.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10.0)

    def _run(self) -> None:
        while not self._closing.is_set():
            self._wake.clear()
            try:
                if self._queue.state.name == "active":
                    self.go_round()
            except StorageError as error:
                _log.warning("shards are looked after later: %s", error)
            except Exception:
                _log.exception("looking after shards failed once")
            self._wake.wait(_ROUND_SECONDS)

    def go_round(self) -> None:
        """Look who there is; take or give up shards. Raises StorageUnavailable."""
        self._register()
        with self._database.read() as connection:
            members = find_members(connection)
        self.owners = {number: Owner(one.address, one.secret) for one in members for number in one.shards}
        present = self._present(members)
        with self._mirrors.lock:
            mine, generation = self._mirrors.shards.numbers, self._mirrors.generation
        own = next((one for one in members if one.pid == self._pid), None)
        if generation != self._registered[0]:
            return  # This process commits on another connection by now.
        if own is None or mine - own.shards:
            self._queue.fail([], StorageUnavailable("the locks on shards are gone; they are taken anew"))
        elif own.shards - mine:
            self._release(own.shards - mine)
        elif not self._hangs:
            self._refill()
            self._share(mine, present, EVERY_SHARD - self.owners.keys(), generation)

    @property
    def _pid(self) -> int:
        shared = self._database.shared
        return 0 if shared is None else shared.pid

    @property
    def _hangs(self) -> bool:
        return self._pulse.silent_seconds > _HUNG_SECONDS

    def _register(self) -> None:
        """Say where this process is reached, once for each connection that it commits on."""
        wanted = (self._mirrors.generation, self._leaving.is_set())
        if self._registered != wanted:
            now, itself, pid = self._mirrors.clock(), self.itself, self._pid
            self._upkeep.run(
                lambda connection: register(
                    connection, pid, itself.address, itself.secret, since=now, leaving=wanted[1]
                )
            )
            self._registered = wanted

    def _present(self, members: Collection[Member]) -> int:
        """How many others take a share now. Ends the connections of those that hang, and of this process's own past."""
        present = 0
        known, self._silences = self._silences, {}
        for one in members:
            if one.pid == self._pid:
                continue
            silence = self._silences[one.pid] = known.get(one.pid) or Silence(self._clock)
            seconds = silence.look(one.holder)
            if one.secret == self.itself.secret or seconds >= self._depose_after_seconds:
                self._end(one, seconds)
            present += not one.leaving and seconds < _COUNTED_UNTIL_SECONDS and one.secret != self.itself.secret
        return present

    def _end(self, member: Member, silent_seconds: float) -> None:
        if self._hangs:
            return
        _log.warning(
            "the process at %s has said nothing for %.0f s: ending its connection (backend %d) to take its shards",
            *(member.address, silent_seconds, member.pid),
        )
        try:
            with self._database.read() as connection:
                end_backend(connection, member.holder.backend)
        except SQLAlchemyError as error:
            _log.warning("backend %d cannot be ended: %s", member.pid, error)

    def _share(self, mine: frozenset[int], others: int, free: frozenset[int], generation: int) -> None:
        if self._leaving.is_set():
            if others and mine:
                self._give_up(mine)
            return
        share = share_of(1 + others)
        if len(mine) > share:
            self._give_up(sorted(mine)[share:])
        elif free and len(mine) < share:
            self._take(sorted(free)[: share - len(mine)], generation)

    def _take(self, wanted: Collection[int], generation: int) -> None:
        def lock(connection: Connection) -> tuple[set[int], list[int], list[int]]:
            taken = take_shards(connection, wanted)
            # After the locks: larger than what any owner before has given out, so that ids go on in order.
            return taken, draw(connection, "studies", _STUDY_IDS), draw(connection, "trials", _TRIAL_IDS)

        taken, study_ids, trial_ids = self._upkeep.run(lock)
        if not taken:
            return
        with self._database.read() as connection:  # After the locks, too: nobody else changes these any more.
            names = {name: study_id for study_id, name in studies.study_names(connection).items()}
            deleted = deleted_studies(connection)
        self._own(study_ids, trial_ids)
        with self._mirrors.lock:
            if self._queue.state.name != "active" or self._mirrors.generation != generation:
                return  # The connection with the locks is gone.
            self._mirrors.gain(taken, names)
            self._mirrors.study_ids.add(study_ids)
            self._mirrors.trial_ids.add(trial_ids)
            for study_id in deleted:
                if study_id % len(EVERY_SHARD) in taken:
                    self._purge.add(study_id)
            held = len(self._mirrors.shards.numbers)
        self.owners = {**self.owners, **dict.fromkeys(taken, self.itself)}
        _log.info("took shards", extra={"taken": len(taken), "held": held})

    def _give_up(self, shards: Collection[int]) -> None:
        with self._mirrors.lock:
            moved = self._mirrors.give_up(shards)
            held = len(self._mirrors.shards.numbers)
        self._release(shards)
        self.owners = {number: owner for number, owner in self.owners.items() if number not in shards}
        self._queue.tell_changed(moved)
        _log.info("gave up shards", extra={"given_up": len(shards), "held": held, "studies": len(moved)})

    def _release(self, shards: Collection[int]) -> None:
        """Let others have shards that this process does not serve any more, once all is on disk that it did before."""
        with self._mirrors.lock:
            batches = set(self._queue.pending.values())
        for batch in batches:
            batch.wait()
        self._upkeep.run(lambda connection: release_shards(connection, shards))

    def _refill(self) -> None:
        """See to it that there are ids."""
        mirrors, generation = self._mirrors, self._mirrors.generation
        kinds = (("studies", mirrors.study_ids, _STUDY_IDS), ("trials", mirrors.trial_ids, _TRIAL_IDS))
        for table, ids, block in kinds:
            if not mirrors.shards.numbers or ids.left >= block // 2:
                continue
            drawn = self._upkeep.run(lambda connection, of=table, count=block: draw(connection, of, count))  # type: ignore[misc]
            self._database.own_ids(table, drawn)
            with mirrors.lock:
                if mirrors.generation == generation:
                    ids.add(drawn)

    def _own(self, study_ids: list[int], trial_ids: list[int]) -> None:
        self._database.own_ids("studies", study_ids)
        self._database.own_ids("trials", trial_ids)
