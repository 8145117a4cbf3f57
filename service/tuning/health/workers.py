"""Is a worker slower than the others? The time for a report, in trainings of one piece, against the others' (Mann and
Whitney 1947, at 1 % over all workers)."""

import statistics

import scipy  # Its stats, half a second to import, is loaded when first used.

from lrtune.service.sentences.health import workers as say
from lrtune.service.tuning.health.evidence import Evidence
from lrtune.service.wire.health import HealthCard

_FEWEST = 5
_SLOWER, _TOO_SLOW = 1.5, 3.0
_LEVEL = 0.01
_MOST_SHOWN = 5


def unequal_workers(evidence: Evidence) -> HealthCard:
    """The card."""
    by_worker: dict[str, list[tuple[float, int]]] = {}
    for trial in evidence.trials:
        if trial.worker and trial.seconds and trial.curve and trial.outcome in ("complete", "pruned"):
            by_worker.setdefault(trial.worker, []).append((trial.seconds / len(trial.curve), trial.number))
    enough = {worker: timed for worker, timed in by_worker.items() if len(timed) >= _FEWEST}
    if len(enough) < 2:
        return HealthCard(question=say.UNEQUAL_WORKERS, state="unknown", says=say.one_worker(len(enough)))
    times = {worker: _times(worker, enough) for worker in enough}
    slowest = max(times, key=times.__getitem__)
    if times[slowest] < _SLOWER or not _surely(slowest, enough):
        says = say.equal_workers(len(enough), times[slowest])
        return HealthCard(question=say.UNEQUAL_WORKERS, state="good", says=says)
    return HealthCard(
        question=say.UNEQUAL_WORKERS,
        state="bad" if times[slowest] >= _TOO_SLOW else "look",
        says=say.slower(slowest, times[slowest], len(enough[slowest])),
        remedy=say.mind_the_slow(slowest),
        trials=[number for _, number in enough[slowest][-_MOST_SHOWN:]],
    )


def _others(worker: str, timed: dict[str, list[tuple[float, int]]]) -> list[float]:
    return [seconds for other, some in timed.items() if other != worker for seconds, _ in some]


def _times(worker: str, timed: dict[str, list[tuple[float, int]]]) -> float:
    own = statistics.median(seconds for seconds, _ in timed[worker])
    return own / statistics.median(_others(worker, timed))


def _surely(worker: str, timed: dict[str, list[tuple[float, int]]]) -> bool:
    own = [seconds for seconds, _ in timed[worker]]
    tested = scipy.stats.mannwhitneyu(own, _others(worker, timed), alternative="greater")
    return bool(tested.pvalue < _LEVEL / len(timed))
