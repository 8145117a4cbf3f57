"""The lines of a study, a little at a time.

What is read of the mirror is read under the engine's lock, in steps of bounded size; it becomes JSON in a thread. In
another the database is asked for what is not in memory. A study that goes on meanwhile is exported as each trial is
when its turn comes; trials that begin meanwhile are left out.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

from lrtune.service.storage.engine.engine import Engine
from lrtune.service.storage.memory.range_tests import StoredRangeTest
from lrtune.service.storage.memory.study import StudyMirror
from lrtune.service.storage.sql.reading.range_tests import read_curve
from lrtune.service.storage.sql.reading.superseded import read_all_superseded
from lrtune.service.tuning.errors import StudyNotFound
from lrtune.service.tuning.moving.to_lines import (
    TrialSeen,
    as_line,
    range_test_line,
    see,
    study_line,
    superseded_lines,
)
from lrtune.service.tuning.views.trials import TRIALS_A_SLICE
from lrtune.service.wire.range_tests import RangeTestCurve

_COUNTED = ("trials", "reports", "superseded", "range_tests")
_POINTS_A_STEP = 20_000
"""Steps whose numbers are copied under the lock: less than a millisecond."""


Make = Callable[[], bytes]
"""Makes whole lines. In a thread, one after the other."""


@dataclass(frozen=True)
class Ready:
    """Lines all of which is there."""

    make: Make


@dataclass(frozen=True)
class Unread:
    """Lines of which something is in the database alone: `read`, in a thread, says how they are made."""

    read: Callable[[], Make]


@dataclass
class Exporting:
    """One export: `parts` gives, under the lock, what is to be told next."""

    engine: Engine
    study: StudyMirror
    _digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    _counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_COUNTED, 0))

    def parts(self) -> Iterator[Ready | Unread]:
        """Raises StorageUnavailable where the study was lost between two steps."""
        study = self.study
        head, tests, count = study_line(study), list(study.range_tests), len(study.trials)
        yield Ready(partial(self._first, head))
        start = 0
        while start < count:
            study.check_kept()
            some: list[TrialSeen] = []
            points = 0
            for trial in study.trials[start : min(start + TRIALS_A_SLICE, count)]:
                some.append(see(study, trial))
                points += len(some[-1].steps)
                if points >= _POINTS_A_STEP:
                    break
            start += len(some)
            again = [one.trial_id for one in some if one.was_leased_again]
            if again:
                yield Unread(partial(self._read_superseded, some, again))
            else:
                yield Ready(partial(self._trials, some, {}))
        for test in tests:
            yield Unread(partial(self._read_range_test, test))
        yield Ready(self._last)

    def _first(self, head: dict[str, object]) -> bytes:
        self._digest.update(as_line({name: told for name, told in head.items() if name != "name"}))
        return as_line(head)

    def _read_superseded(self, some: list[TrialSeen], again: list[int]) -> Make:
        with self.engine.database.read() as connection:
            return partial(self._trials, some, read_all_superseded(connection, again))

    def _trials(self, some: list[TrialSeen], put_away: dict[int, dict[int, list[tuple[int, float]]]]) -> bytes:
        lines: list[bytes] = []
        for one in some:
            lines += one.lines()
            earlier = put_away.get(one.trial_id, {})
            lines += superseded_lines(one.head["number"], earlier)
            self._counts["trials"] += 1
            self._counts["reports"] += len(one.steps)
            self._counts["superseded"] += sum(map(len, earlier.values()))
        return self._noted(b"".join(lines))

    def _read_range_test(self, test: StoredRangeTest) -> Make:
        with self.engine.database.read() as connection:
            curve = read_curve(connection, self.study.study_id, test.shown.number)
        if curve is None:  # The study was deleted meanwhile: without its last line the file says that it is cut off.
            raise StudyNotFound(self.study.name)
        return partial(self._range_test, test, curve)

    def _range_test(self, test: StoredRangeTest, curve: RangeTestCurve) -> bytes:
        self._counts["range_tests"] += 1
        return self._noted(range_test_line(test, curve))

    def _last(self) -> bytes:
        return as_line({"kind": "end", **self._counts, "sha256": self._digest.hexdigest()})

    def _noted(self, lines: bytes) -> bytes:
        self._digest.update(lines)
        return lines
