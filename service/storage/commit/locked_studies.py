"""Studies whose rows another process has locked: left alone for a while, so that the others do not wait with them."""

import time
from collections.abc import Callable

from lrtune.service.storage.errors import StorageUnavailable

_FIRST_SECONDS = 1.0
_MOST_SECONDS = 4.0
_FORGOTTEN_AFTER_SECONDS = 10.0


class LockedStudies:
    """Each lock met costs all studies a moment. So one that was met leaves its study alone for a second, and each
    further one twice as long, up to 4 s. Under the mirrors' lock."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until: dict[int, tuple[float, float]] = {}

    def note(self, study_id: int) -> float:
        """A change of the study has met a lock; for how many seconds it is left alone."""
        now = self._clock()
        self._until = {one: rest for one, rest in self._until.items() if rest[0] > now - _FORGOTTEN_AFTER_SECONDS}
        before = self._until.get(study_id)
        seconds = _FIRST_SECONDS if before is None else min(2 * before[1], _MOST_SECONDS)
        self._until[study_id] = now + seconds, seconds
        return seconds

    def check(self, study_id: int) -> None:
        """Raise StorageUnavailable where the study is left alone."""
        if study_id not in self._until:
            return
        left = self._until[study_id][0] - self._clock()
        if left > 0:
            raise StorageUnavailable(
                "the study is locked in the database by another process: end that transaction, or try again in "
                f"{left:.0f} s",
                retry_after_seconds=left,
            )
