"""Who of the ranks is alive, and who has failed: a thread in each.

Every rank writes a beat into the store each second, with what it has to say of itself. Rank 0 looks at all of them, the
others at rank 0's, which passes on what it saw. So a rank that fails, is told to end, or dies is known to all.

A rank that stands still inside a collective cannot be woken. Where one does so for `GRACE_SECONDS` after another has
gone, the thread ends its process, after rank 0's has told the service.
"""

import logging
import os
import pickle
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from lrtune.trainers.distributed.ranks import Ranks
from lrtune.trainers.distributed.store import Store, is_away
from lrtune.trainers.errors import RankFailed, RankLost, Shutdown

BEAT_SECONDS = 1.0
SILENT_SECONDS = 30.0
"""Without a beat, a rank is taken for dead."""
SUSPECT_SECONDS = 6.0
"""The same, once one was told to end, or left in an error: a launcher ends all of them where it finds one dead."""
GRACE_SECONDS = 20.0
"""For a rank to come out of its step once another has gone. Schedulers give 30 from SIGTERM to SIGKILL."""

Kind = Literal["failed", "lost", "told"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Trouble:
    """What has become of a rank: it has `failed`, with a traceback; is `lost`; or was `told` to end, by a signal."""

    kind: Kind
    rank: int
    text: str = ""
    signal_number: int = 0
    round: int = 0
    """A failure counts for the trials of its round: a new one begins where all ranks have failed alike."""

    def error(self) -> BaseException:
        """As the other ranks raise it."""
        if self.kind == "told":
            return Shutdown(self.signal_number)
        return RankFailed(self.rank, self.text) if self.kind == "failed" else RankLost(self.rank)


@dataclass(frozen=True)
class _Beat:
    number: int
    said: Trouble | None
    left: bool


class Watch:
    """Of one group of ranks. The thread ends with `close`."""

    def __init__(self, store: Store, ranks: Ranks, told: Callable[[], int | None]) -> None:
        """`told`: the signal by which this process was told to end; None before."""
        self.trouble: Trouble | None = None
        """The first there was; one that was told to end gives way to one that is lost or has failed."""
        self.at_trouble: list[Callable[[], object]] = []
        """Called once a rank is lost, or told to end."""
        self.round = 0
        self._store = store.clone()  # A store serves one call at a time, and some of them wait.
        self._ranks, self._told = ranks, told
        self._said: Trouble | None = None
        self._number, self._left = 0, False
        self._seen: dict[int, tuple[int, float]] = {}
        self._watched = set(ranks.others) if ranks.first else {0}
        self._since = 0.0
        self._stuck: Callable[[Trouble], object] | None = None
        self._woken = threading.Event()
        self._closed = threading.Event()
        self._beat()
        self._thread = threading.Thread(target=self._run, name="lrtune-ranks", daemon=True)

    def start(self) -> None:
        """Once all ranks have written their first beat."""
        now = time.monotonic()
        self._seen = dict.fromkeys(self._watched, (0, now))
        self._thread.start()

    def say(self, trouble: Trouble) -> None:
        """Tells the others at once."""
        self._said = trouble
        self._woken.set()

    def inside(self, stuck: Callable[[Trouble], object] | None) -> None:
        """A trial is trained from here; None: no longer. `stuck` is called before the process is ended."""
        self._stuck = stuck

    def forgive(self) -> None:
        """All ranks have failed alike, and go on with another trial."""
        self.round += 1
        self._said = None
        if self.trouble is not None and self.trouble.kind == "failed":
            self.trouble = None

    def silent_seconds(self, rank: int) -> float:
        """How long rank 0 has seen no beat of a rank."""
        return time.monotonic() - self._seen[rank][1]

    def close(self) -> None:
        """Ends the thread, and tells the others that this rank left in good order."""
        self._closed.set()
        self._woken.set()
        self._thread.join(SILENT_SECONDS)

    def _run(self) -> None:
        while True:
            self._woken.wait(BEAT_SECONDS)
            self._woken.clear()
            self._left = self._closed.is_set()
            try:
                self._beat()
                if self._left:
                    return
                self._look()
            except Exception as error:
                if not is_away(error):
                    logger.exception("the ranks of this training cannot be watched")
                if self._left:
                    return
                self._note(Trouble("lost", 0))
            self._end_if_stuck()

    def _beat(self) -> None:
        signal_number = self._told()
        if signal_number is not None and self._said is None:
            self._said = Trouble("told", self._ranks.rank, signal_number=signal_number)
        if self._said is not None:
            self._note(self._said)
        self._number += 1
        passed_on = self.trouble if self._ranks.first else self._said
        self._store.set(f"beat/{self._ranks.rank}", pickle.dumps(_Beat(self._number, passed_on, self._left)))

    def _look(self) -> None:
        now, watched = time.monotonic(), sorted(self._watched)
        for rank, content in zip(watched, self._store.multi_get([f"beat/{rank}" for rank in watched]), strict=True):
            beat: _Beat = pickle.loads(content)
            number, at = self._seen[rank]
            if beat.number != number:
                self._seen[rank] = beat.number, now
            elif now - at > (SILENT_SECONDS if self.trouble is None else SUSPECT_SECONDS):
                self._note(Trouble("lost", rank))
            if beat.said is not None:
                self._note(beat.said)
            if beat.left:
                self._watched.discard(rank)
                self._note(Trouble("lost", rank))

    def _note(self, trouble: Trouble) -> None:
        before = self.trouble
        if trouble.kind == "failed" and trouble.round < self.round:
            return
        if before is not None and (before.kind != "told" or trouble.kind == "told"):
            return
        if before is None:
            self._since = time.monotonic()
        self.trouble = trouble
        self._woken.set()  # Rank 0 passes it on.
        for call in self.at_trouble if trouble.kind != "failed" else ():
            call()

    def _end_if_stuck(self) -> None:
        trouble, stuck = self.trouble, self._stuck
        if trouble is None or stuck is None or time.monotonic() - self._since < GRACE_SECONDS:
            return
        logger.error("%s, and rank %d did not come out of its step: it ends", trouble.error(), self._ranks.rank)
        with suppress(Exception):
            stuck(trouble)
        os._exit(0 if trouble.kind == "told" else 1)
