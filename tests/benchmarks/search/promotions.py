"""Baselines that pause and resume: promotion ASHA, and "one epoch, keep the best"."""

from itertools import pairwise

import numpy as np
from scipy.stats import qmc

from lrtune.service.tuning.auto.evidence import Floats
from lrtune.service.tuning.auto.space import Space
from tests.benchmarks.search.simulation import BudgetSpent, Simulation, Training

_REDUCTION = 3
_RUNGS = 4
_FIRST_SHARE = 0.1


def promotion_asha(simulation: Simulation, seed: int) -> None:
    """Asynchronous successive halving by promotion (Li 2020, arXiv:1810.05934) over quasi-random points.

    Rungs at 1/27, 1/9, 1/3 and all of a training; a run is promoted when it is in the top third of its rung.
    """
    space, points = Space(simulation.task.distributions()), _Points(simulation, seed)
    rungs = [max(1, simulation.task.slices // _REDUCTION**level) for level in range(_RUNGS - 1, -1, -1)]
    try:
        while True:
            chosen = _promotable(simulation, rungs) or (simulation.start(space.decode(points.next())), rungs[0])
            _until(simulation, *chosen)
    except BudgetSpent:
        return


def keep_top(simulation: Simulation, seed: int) -> None:
    """A tenth of the trainings' length for many points, then the best of them to the end with half of the budget."""
    space, points = Space(simulation.task.distributions()), _Points(simulation, seed)
    first = max(1, round(_FIRST_SHARE * simulation.task.slices))
    try:
        while simulation.spent + first <= simulation.budget // 2:
            _until(simulation, simulation.start(space.decode(points.next())), first)
        for run in sorted(simulation.runs, key=_best):
            _until(simulation, run, simulation.task.slices)
    except BudgetSpent:
        return


def _promotable(simulation: Simulation, rungs: list[int]) -> tuple[Training, int] | None:
    """The highest run in the top third of its rung, and how far it goes next."""
    for rung, following in reversed(list(pairwise(rungs))):
        there = sorted(
            (run for run in simulation.runs if len(run.losses) >= rung), key=lambda run: _best_until(run, rung)
        )
        for run in there[: len(there) // _REDUCTION]:
            if len(run.losses) == rung and not run.diverged:
                return run, following
    return None


def _until(simulation: Simulation, run: Training, slices: int) -> None:
    while len(run.losses) < slices and not run.finished:
        simulation.advance(run)
    recommend_best(simulation)


def recommend_best(simulation: Simulation) -> None:
    """Recommend the best finished run; while there is none, the best so far."""
    finished = [run for run in simulation.runs if run.finished and not run.diverged]
    simulation.recommend(min(finished or simulation.runs, key=_best).params)


def _best(run: Training) -> float:
    return _best_until(run, len(run.losses))


def _best_until(run: Training, slices: int) -> float:
    if run.diverged:
        return np.inf
    return float(np.min(run.losses[:slices], initial=np.inf))


class _Points:
    """Scrambled Sobol points in the cube's columns."""

    def __init__(self, simulation: Simulation, seed: int) -> None:
        columns = Space(simulation.task.distributions()).columns
        self._engine = qmc.Sobol(columns, scramble=True, rng=np.random.default_rng([seed, 17]))

    def next(self) -> Floats:
        """The next point, shape (columns,)."""
        point: Floats = self._engine.random(1)[0]
        return point
