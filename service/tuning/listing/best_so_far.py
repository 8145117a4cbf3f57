"""The best value so far over a study's trials, as a line small enough for a row of a list."""

from collections.abc import Sequence

from lrtune.service.storage.memory.study import StudyMirror
from lrtune.service.storage.sql.reading.results import StudyResults

_MOST_STEPS = 40

Line = tuple[tuple[float, float], ...]
"""(share of the trials, best value so far) wherever that became better, from 0 to 1."""


def line_of(study: StudyMirror) -> Line:
    """Of a study in memory. Under the engine's lock."""
    found = study.progress.improvements
    if not found:
        return ()
    first, ended = found[0].mark.ended, max(1, study.ended)
    apart = max(1, ended - first)
    return _thinned([((one.mark.ended - first) / apart, one.value) for one in found])


def line_of_results(results: StudyResults, *, maximizes: bool) -> Line:
    """The same of a study that is not in memory."""
    steps: list[tuple[float, float]] = []
    for share, least, greatest in results.pieces:
        value = greatest if maximizes else least
        if not steps or (value > steps[-1][1] if maximizes else value < steps[-1][1]):
            steps.append((share, value))
    return tuple(steps)


def _thinned(steps: Sequence[tuple[float, float]]) -> Line:
    """At most 40 of the steps, the first and the last among them."""
    if len(steps) <= _MOST_STEPS:
        return tuple(steps)
    apart = (len(steps) - 1) / (_MOST_STEPS - 1)
    return tuple(steps[round(number * apart)] for number in range(_MOST_STEPS))
