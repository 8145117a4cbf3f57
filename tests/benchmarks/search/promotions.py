"""Baselines that pause and resume: promotion ASHA, and "one epoch, keep the best"."""

from itertools import pairwise

import numpy as np
from scipy.stats import qmc

from lrtune.service.tuning.auto.evidence import Floats
from lrtune.service.tuning.auto.space import Space
from tests.benchmarks.search.study import BudgetSpent, Desk, Training

_REDUCTION = 3
_RUNGS = 4
_FIRST_SHARE = 0.1


def promotion_asha(desk: Desk, seed: int) -> None:
    """Asynchronous successive halving by promotion (Li 2020, arXiv:1810.05934) over quasi-random points.

    Rungs at 1/27, 1/9, 1/3 and all of a training; a run is promoted when it is in the top third of its rung.
    """
    space, points = Space(desk.task.distributions()), _Points(desk, seed)
    rungs = [max(1, desk.task.slices // _REDUCTION**level) for level in range(_RUNGS - 1, -1, -1)]
    try:
        while True:
            chosen = _promotable(desk, rungs) or (desk.start(space.decode(points.next())), rungs[0])
            _until(desk, *chosen)
    except BudgetSpent:
        return


def keep_top(desk: Desk, seed: int) -> None:
    """A tenth of the trainings' length for many points, then the best of them to the end with half of the budget."""
    space, points = Space(desk.task.distributions()), _Points(desk, seed)
    first = max(1, round(_FIRST_SHARE * desk.task.slices))
    try:
        while desk.spent + first <= desk.budget // 2:
            _until(desk, desk.start(space.decode(points.next())), first)
        for run in sorted(desk.runs, key=_best):
            _until(desk, run, desk.task.slices)
    except BudgetSpent:
        return


def _promotable(desk: Desk, rungs: list[int]) -> tuple[Training, int] | None:
    """The highest run in the top third of its rung, and how far it goes next."""
    for rung, following in reversed(list(pairwise(rungs))):
        there = sorted((run for run in desk.runs if len(run.losses) >= rung), key=lambda run: _best_until(run, rung))
        for run in there[: len(there) // _REDUCTION]:
            if len(run.losses) == rung and not run.diverged:
                return run, following
    return None


def _until(desk: Desk, run: Training, slices: int) -> None:
    while len(run.losses) < slices and not run.finished:
        desk.advance(run)
    answer_best(desk)


def answer_best(desk: Desk) -> None:
    """Recommend the best finished run; while there is none, the best so far."""
    finished = [run for run in desk.runs if run.finished and not run.diverged]
    desk.answer(min(finished or desk.runs, key=_best).params)


def _best(run: Training) -> float:
    return _best_until(run, len(run.losses))


def _best_until(run: Training, slices: int) -> float:
    if run.diverged:
        return np.inf
    return float(np.min(run.losses[:slices], initial=np.inf))


class _Points:
    """Scrambled Sobol points in the cube's columns."""

    def __init__(self, desk: Desk, seed: int) -> None:
        columns = Space(desk.task.distributions()).columns
        self._engine = qmc.Sobol(columns, scramble=True, rng=np.random.default_rng([seed, 17]))

    def next(self) -> Floats:
        """The next point, shape (columns,)."""
        point: Floats = self._engine.random(1)[0]
        return point
