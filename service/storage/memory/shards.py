"""Shards: which studies this process serves, where several processes write one database."""

from collections.abc import Collection, Iterable
from zlib import crc32

from lrtune.service.storage.errors import StudyElsewhere

SHARDS = 64
EVERY_SHARD = frozenset(range(SHARDS))


def shard_of(name: str) -> int:
    """The shard of the study of that name, from 0 to 63: for all releases and languages the same."""
    return crc32(name.encode("utf-8", "surrogatepass")) % SHARDS


class HeldShards:
    """The shards that this process serves; all, unless they are `divided` among several. Under the mirrors' lock."""

    def __init__(self) -> None:
        self.divided = False
        """Whether several processes may write this database. Set once, before any study is in memory."""
        self.numbers: frozenset[int] = EVERY_SHARD
        self.gains = 0
        """How often shards were gained: what is on lease in them is to be loaded."""
        self.epoch = 0
        """How often shards were gained or lost: what was read of a study before may be another owner's past."""

    def divide(self) -> None:
        """Serve none, until some are gained."""
        self.divided, self.numbers = True, frozenset()

    def holds(self, name: str) -> bool:
        """Whether this process serves the study of that name."""
        return not self.divided or shard_of(name) in self.numbers

    def check(self, name: str) -> None:
        """Raise StudyElsewhere where another process serves the study of that name."""
        if self.divided and shard_of(name) not in self.numbers:
            raise StudyElsewhere(name)

    def gain(self, numbers: Iterable[int]) -> None:
        """Serve these, too."""
        self.numbers |= frozenset(numbers)
        self.gains += 1
        self.epoch += 1

    def lose(self, numbers: Collection[int]) -> None:
        """Serve these no more."""
        self.numbers -= frozenset(numbers)
        self.epoch += 1

    def lose_all(self) -> None:
        """The connection with the locks is gone, and they with it. Nothing where one process serves all."""
        if self.divided:
            self.lose(self.numbers)
