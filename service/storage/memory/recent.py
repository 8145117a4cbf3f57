"""What has changed of a study's trials lately: kept only for a study that somebody watches."""

from collections import deque
from collections.abc import Iterator
from secrets import token_urlsafe
from typing import NamedTuple

MOST_KEPT = 8192
"""Changes: seconds of what the busiest study reports."""


class Touched(NamedTuple):
    """One thing that changed: of which trial, and with which version of the study."""

    version: int
    number: int
    step: int | None = None
    """The step that was reported, where one was."""
    begun: bool = False
    """Whether the trial is new, or was begun: what it trains with is news."""


class Recent:
    """The latest changes, oldest first. Under the engine's lock.

    A mirror that is read anew has another: what changed meanwhile nobody knows. They are told apart by `mark`.
    """

    def __init__(self, version: int, most: int = MOST_KEPT) -> None:
        self.mark = token_urlsafe(6)
        self._kept: deque[Touched] = deque(maxlen=most)
        self._known_since = version

    def note(self, version: int, number: int, step: int | None = None, *, begun: bool = False) -> None:
        """A trial changed, with that version."""
        kept = self._kept
        if len(kept) == kept.maxlen:
            self._known_since = kept[0].version
        kept.append(Touched(version, number, step, begun))

    def knows_since(self, version: int) -> bool:
        """Whether all that came after that version is here."""
        return version >= self._known_since

    def since(self, version: int) -> Iterator[Touched]:
        """What came after that version, the latest first."""
        for touched in reversed(self._kept):
            if touched.version <= version:
                return
            yield touched
