"""How long a study still takes, from how long its trials take."""

from collections.abc import Sequence
from dataclasses import dataclass

_FEWEST = 3


@dataclass(frozen=True)
class Left:
    """Seconds to the end of the budget, and from how many trials that is known."""

    seconds: float
    trials: int


def time_left(took: Sequence[float], to_end: float | None, under_way: Sequence[float]) -> Left | None:
    """How long `to_end` more trials take, those `under_way` among them, where so many are trained at a time as now.

    `took`: seconds that the latest ended trials took; `under_way`: those that each in training has taken so far. None
    where that cannot be told: nothing trains, the budget has no end, or fewer than three trials have ended.
    """
    if to_end is None or to_end <= 0 or not under_way or len(took) < _FEWEST:
        return None
    usual = sum(took) / len(took)
    done = sum(min(seconds, usual) for seconds in under_way)
    at_once = min(len(under_way), to_end)
    return Left(max(to_end * usual - done, 0.0) / at_once, len(took))
