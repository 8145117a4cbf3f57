"""What rank 0 does for all: the others get its answer, or its error."""

import pickle
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any, Self, TypeVar

from lrtune.trainers.distributed.packing import packed, unpacked
from lrtune.trainers.distributed.ranks import Ranks
from lrtune.trainers.distributed.store import is_away, open_store
from lrtune.trainers.distributed.watch import Trouble, Watch
from lrtune.trainers.errors import LrtuneError, RankLost, RanksApart

TIMEOUT_SECONDS = 3600.0
"""How long a rank that lives is waited for within a trial."""
START_SECONDS = 300.0
"""For all ranks to come."""
LEAVE_SECONDS = 10.0
"""For the others to hear rank 0's last word, before its process may end, and the store with it."""
HURRIED_LEAVE_SECONDS = 2.0
"""The same, where rank 0 leaves by an error: others may be gone."""
LAG = 64
"""So many messages rank 0 may be ahead of the others; older ones are deleted."""

_SHORTEST_POLL_SECONDS, _LONGEST_POLL_SECONDS, _POLLED_SHARE = 0.0002, 0.25, 0.05

T = TypeVar("T")


class RankGroup:
    """The ranks of a training while `with group:` runs. All of them must make the same calls in the same order."""

    def __init__(self, ranks: Ranks, told: Callable[[], int | None] = lambda: None) -> None:
        """Waits until all have come. `told`: the signal by which this process was told to end; None before.

        Raises LrtuneError where they do not come within five minutes.
        """
        self.ranks = ranks
        self._store = open_store(ranks)
        self.watch = Watch(self._store, ranks, told)
        self._messages = 0

    def __enter__(self) -> Self:
        began = time.monotonic()
        for rank in range(self.ranks.count):
            try:
                self._wait(f"beat/{rank}", START_SECONDS - (time.monotonic() - began), "")
            except RanksApart:
                raise LrtuneError(
                    f"rank {rank} of {self.ranks.count} did not come within {START_SECONDS:.0f} s: look into its log, "
                    "and whether all ranks make the same calls of lrtune.distributed"
                ) from None
        self.watch.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(Exception):  # Of a store that is gone by now, or of ranks that do not come.
            self._store.set(f"left/{self.ranks.rank}", b"")
            if self.ranks.first:
                left = [f"left/{rank}" for rank in self.ranks.others]
                seconds = LEAVE_SECONDS if error is None else HURRIED_LEAVE_SECONDS
                self._wait_until(lambda: self._store.check(left), seconds, "not all left", heed_trouble=False)
        self.watch.close()

    def from_first(self, what: str, call: Callable[[], T], *, timeout_seconds: float | None = TIMEOUT_SECONDS) -> T:
        """What `call` returns on rank 0, on all; where it raises, all raise the same. `what` names it: the ranks must
        be at the same place. The others wait for `timeout_seconds`; None: for as long as rank 0 lives.

        Raises RankFailed, RankLost or RanksApart.
        """
        key, self._messages = f"message/{self._messages}", self._messages + 1
        if not self.ranks.first:
            received: T = self._received(key, what, timeout_seconds)
            return received
        try:
            self.raise_trouble()
            answer = call()
            message = pickle.dumps((what, "returned", answer))
        except BaseException as error:
            self._send(key, pickle.dumps((what, "raised", packed(error))))
            raise
        self._send(key, message)
        return answer

    def to_first(self, what: str, value: T) -> list[T] | None:
        """On rank 0 the values of all ranks, in their order; None on the others, which do not wait."""
        name = f"{what}/{self._messages}"
        if not self.ranks.first:
            self._store.set(f"{name}/{self.ranks.rank}", pickle.dumps(value))
            return None
        values = [value]
        for rank in self.ranks.others:
            key = f"{name}/{rank}"
            values.append(pickle.loads(self._wait(key, TIMEOUT_SECONDS, f"rank {rank} does not come to its {what}")))
            self._store.delete_key(key)
        return values

    def post(self, name: str, content: Any) -> None:
        """Leaves something for rank 0, from this rank. Raises RankLost, as all calls do, where nobody is reached."""
        with _reached():
            self._store.set(f"{name}/{self.ranks.rank}", pickle.dumps(content))

    def posted(self, name: str, rank: int) -> Any:
        """What that rank has posted; None before."""
        key = f"{name}/{rank}"
        with _reached():
            return pickle.loads(self._store.get(key)) if self._store.check([key]) else None

    def place(self, name: str) -> int:
        """1 for the first rank that asks for `name`, and so on."""
        with _reached():
            return int(self._store.add(name, 1))

    def raise_trouble(self) -> None:
        """Raises RankFailed or RankLost where a rank has gone."""
        trouble = self.watch.trouble
        if trouble is not None and trouble.kind != "told":
            raise trouble.error()

    @property
    def told(self) -> Trouble | None:
        """That some rank was told to end."""
        trouble = self.watch.trouble
        return trouble if trouble is not None and trouble.kind == "told" else None

    def close_trial(self, key: str, content: Any) -> None:
        """Rank 0's last word on a trial, whose ranks may have made different numbers of calls: they count from here."""
        with _reached():
            self._store.set(f"{key}/closed", pickle.dumps((self._messages, content)))

    def hear_close(self, key: str, timeout_seconds: float, *, heed_trouble: bool) -> Any:
        """What rank 0 said there. Raises RanksApart where it does not come to it."""
        content = self._wait(f"{key}/closed", timeout_seconds, "rank 0 does not end the trial", heed_trouble)
        self._messages, heard = pickle.loads(content)
        self._store.set(f"read/{self.ranks.rank}", str(self._messages))
        return heard

    def _send(self, key: str, message: bytes) -> None:
        number = self._messages - 1
        if number >= 2 * LAG and number % LAG == 0:
            for rank in self.ranks.others:
                self._let_catch_up(rank, number - LAG)
            for old in range(number - 2 * LAG, number - LAG):
                self._store.delete_key(f"message/{old}")
        with _reached():
            self._store.set(key, message)

    def _let_catch_up(self, rank: int, number: int) -> None:
        """Waits until that rank has read up to there."""

        def caught_up() -> bool:
            return self._store.check([f"read/{rank}"]) and int(self._store.get(f"read/{rank}")) >= number

        self._wait_until(caught_up, TIMEOUT_SECONDS, f"rank {rank} does not come to its call")

    def _received(self, key: str, what: str, timeout_seconds: float | None) -> Any:
        content = self._wait(key, timeout_seconds, f"rank 0 does not come to its {what}")
        number = self._messages - 1
        if number and number % LAG == 0:
            self._store.set(f"read/{self.ranks.rank}", str(number))
        theirs, how, answer = pickle.loads(content)
        if theirs != what:
            raise RanksApart(f"rank 0 is at its {theirs}, rank {self.ranks.rank} at its {what}")
        if how == "raised":
            raise unpacked(answer)
        return answer

    def _wait(self, key: str, timeout_seconds: float | None, late: str, heed_trouble: bool = True) -> bytes:
        """Its content, once it is there."""
        self._wait_until(lambda: self._store.check([key]), timeout_seconds, late, heed_trouble)
        content: bytes = self._store.get(key)
        return content

    def _wait_until(
        self, holds: Callable[[], bool], timeout_seconds: float | None, late: str, heed_trouble: bool = True
    ) -> None:
        """Looks often at first, then in a twentieth of the time waited so far: a signal can come in between, and
        trouble is seen."""
        began = time.monotonic()
        while True:
            with _reached():
                if holds():
                    return
            if heed_trouble:
                self.raise_trouble()
            waited = time.monotonic() - began
            if timeout_seconds is not None and waited > timeout_seconds:
                raise RanksApart(f"{late} for {timeout_seconds:.0f} s")
            time.sleep(min(_SHORTEST_POLL_SECONDS + _POLLED_SHARE * waited, _LONGEST_POLL_SECONDS))


@contextmanager
def _reached() -> Iterator[None]:
    """Raises RankLost where the store has gone, with rank 0 or the launcher."""
    try:
        yield
    except Exception as error:
        if is_away(error):
            raise RankLost(0) from error
        raise
