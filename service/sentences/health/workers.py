"""What is said of whether a worker is slower than the others."""

from lrtune.service.sentences.words import count

_ALIKE = 1.05

UNEQUAL_WORKERS = "Is a worker slower than the others?"


def one_worker(workers: int) -> str:
    """Where there is nobody to compare with."""
    return f"Nothing to compare: {_few(workers)} trained enough trials with reports."


def equal_workers(workers: int, slowest: float) -> str:
    """Where all are about as fast."""
    if slowest < _ALIKE:
        return f"None of {count(workers, 'worker')}: all take about the same time for a step."
    return f"None of {count(workers, 'worker')}: the slowest takes {slowest:.2g} times the others' time for a step."


def slower(worker: str, times: float, trials: int) -> str:
    """Of a worker that takes longer."""
    return f"{worker} takes {times:.2g} times the others' time for a step, over {count(trials, 'trial')}."


def mind_the_slow(worker: str) -> str:
    """What to do about it."""
    return f"See what else runs on {worker}, and whether it trains on the same device as the others."


def _few(workers: int) -> str:
    return "no worker has" if not workers else "only one worker has"
