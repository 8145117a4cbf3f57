"""The curves of many trials, page by page.

Which curves are on a page is seen under the engine's lock, in steps of bounded size; they are put in order in a thread.
A page has a bounded number of points, so a long curve goes over several pages.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from pydantic_core import to_json

from lrtune.service.storage.memory.study import StudyMirror
from lrtune.service.tuning.errors import InvalidField
from lrtune.service.tuning.views.curves import in_order, shown_value
from lrtune.service.tuning.views.trials import LOOKED_AT_A_SLICE

POINTS_A_PAGE = 20_000
"""About half a megabyte, made in some 30 ms of a thread."""
_COPIED_A_SLICE = 10_000
"""Steps: a fraction of a millisecond."""


@dataclass(frozen=True)
class _Seen:
    """A trial's curve, and the steps that it had. What was reported at a step does not change."""

    trial: int
    steps: list[int]
    curve: Mapping[int, float]


@dataclass
class CurvePaging:
    """A page of the curves of a study: those of up to `limit` trials, by number, from where `after` says.

    Iterate it, in steps of bounded size, under the lock; then `items` makes the page. Raises InvalidField where `after`
    is no place in this list; StorageUnavailable where the study was lost between two steps.
    """

    study: StudyMirror
    after: str | None
    limit: int
    next: str | None = None
    """The place to go on after, once `items` was called; None where there are no more."""
    _seen: list[_Seen] = field(default_factory=list)
    _more: bool = False

    def __iter__(self) -> Iterator[int]:
        first, _ = _place(self.after)
        points = copied = 0
        trials = self.study.trials
        for looked_at, number in enumerate(range(first, len(trials)), 1):
            curve = trials[number].intermediate
            if curve:
                if len(self._seen) == self.limit or points >= POINTS_A_PAGE:
                    self._more = True
                    return
                steps = list(curve)
                self._seen.append(_Seen(number, steps, curve))
                points, copied = points + len(steps), copied + len(steps)
            if copied >= _COPIED_A_SLICE or looked_at % LOOKED_AT_A_SLICE == 0:
                copied = 0
                yield looked_at
                self.study.check_kept()

    def items(self) -> list[bytes]:
        """The page's items as JSON. In any thread."""
        made: list[bytes] = []
        first, after_step = _place(self.after)
        left = POINTS_A_PAGE
        for seen in self._seen:
            if left == 0:
                return made
            steps, values = in_order(seen.steps, seen.curve)
            if seen.trial == first and after_step is not None:
                steps, values = steps[steps > after_step], values[steps > after_step]
            some, losses = steps[:left].tolist(), values[:left].tolist()
            if some:
                told = {"trial": seen.trial, "steps": some, "values": [shown_value(value) for value in losses]}
                made.append(to_json(told))
            self.next = str(seen.trial) if len(some) == len(steps) else f"{seen.trial}.{some[-1]}"
            if len(some) < len(steps):
                return made
            left -= len(some)
        if not self._more:
            self.next = None
        return made


def _place(after: str | None) -> tuple[int, int | None]:
    """The number of the first trial of a page; and, where the page before ended within that, after which step."""
    if after is None:
        return 0, None
    number, dot, step = after.partition(".")
    if not all(part.isascii() and part.isdigit() and len(part) < 11 for part in (number, *([step] if dot else []))):
        raise InvalidField(("cursor",), "is not one of this list; leave it out to begin anew")
    return (int(number), int(step)) if dot else (int(number) + 1, None)
