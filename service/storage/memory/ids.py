"""The ids of what is new: the next after the last in use, or one of a block that the database gave to this process."""

from collections import deque
from collections.abc import Sequence


class Ids:
    """The ids of one kind of row, each larger than any that was noted or given out before. Under the mirrors' lock."""

    def __init__(self) -> None:
        self.last = 0
        self._block: deque[int] = deque()

    def begin(self, last: int) -> None:
        """This is the last id in use; what was known is void."""
        self.last = last
        self._block.clear()

    @property
    def left(self) -> int:
        """How many of the block are left."""
        return len(self._block)

    def add(self, block: Sequence[int]) -> None:
        """The database has given these to this process, in ascending order."""
        self._block.extend(given for given in block if given > self.last)

    def drop_block(self) -> None:
        """Give out none of what is left: others may have given out larger ones for the studies that we get."""
        self._block.clear()

    def new(self) -> int:
        """An unused id. Without a block it is a guess that the commit has to prove."""
        self.last = self._block.popleft() if self._block else self.last + 1
        return self.last

    def note(self, used: int) -> None:
        """Give out larger ones only."""
        self.last = max(self.last, used)
        while self._block and self._block[0] <= self.last:
            self._block.popleft()
