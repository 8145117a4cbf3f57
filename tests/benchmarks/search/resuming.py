"""`auto` with pausing: the simulated service asks `promotion.decide` whenever a worker is free."""

import numpy as np

from lrtune.service.tuning.auto.evidence import FRACTIONS, Evidence, Floats, steps_at
from lrtune.service.tuning.auto.policy import promotion
from lrtune.service.tuning.auto.prior import quantiles_around
from lrtune.service.tuning.auto.space import Space
from tests.benchmarks.search.recommending import recommended
from tests.benchmarks.search.simulation import BudgetSpent, Problem, Simulation, Training

_USUAL = {"adam": 1e-3, "sgd": 1e-2}
"""The rates by which a study starts that knows its optimizer and nothing else."""


def usual_rate(task: Problem) -> float:
    """The rate that one would try first."""
    return _USUAL[task.optimizer]


def usual_quantiles(task: Problem) -> Floats:
    """The prior on the task's learning rate, as rates."""
    index = task.names.index("learning_rate")
    return quantiles_around([usual_rate(task)], float(task.low[index]), float(task.high[index]))


def auto_pausing(simulation: Simulation, seed: int) -> None:
    """One worker, trials paused and resumed at no cost but their further slices."""
    _run(simulation, seed, None)


def auto_pausing_prior(simulation: Simulation, seed: int) -> None:
    """The same, starting around the usual rate of the optimizer."""
    space = Space(simulation.task.distributions())
    rates = usual_quantiles(simulation.task)
    index = simulation.task.names.index("learning_rate")
    low, high = np.log(simulation.task.low[index]), np.log(simulation.task.high[index])
    assert space.rate_index is not None
    _run(simulation, seed, (np.log(rates) - low) / (high - low))


def _run(simulation: Simulation, seed: int, quantiles: Floats | None) -> None:
    space = Space(simulation.task.distributions())
    whole: set[int] = set()
    try:
        while True:
            evidence = evidence_of(simulation, space)
            chosen = promotion.decide(
                evidence,
                evidence.partial,
                space,
                number=len(simulation.runs),
                seed=seed,
                whole=np.isin(np.arange(len(simulation.runs)), list(whole)),
                quantiles=quantiles,
            )
            if chosen.whole:
                whole.add(len(simulation.runs) if chosen.trial is None else chosen.trial)
            run = _chosen(simulation, space, chosen)
            until = steps_at(float(FRACTIONS[chosen.until]), simulation.task.slices)
            while len(run.losses) < until and not run.finished:
                simulation.advance(run)
            simulation.recommend(recommended(simulation))
    except BudgetSpent:
        return


def _chosen(simulation: Simulation, space: Space, chosen: promotion.Decision) -> Training:
    if chosen.trial is not None:
        return simulation.runs[chosen.trial]
    assert chosen.point is not None
    return simulation.start(space.decode(chosen.point))


def evidence_of(simulation: Simulation, space: Space) -> Evidence:
    """What the simulated trainings have shown."""
    needed = [steps_at(share, simulation.task.slices) for share in FRACTIONS.tolist()]
    curves = np.full((len(simulation.runs), len(FRACTIONS)), np.nan)
    for row, run in enumerate(simulation.runs):
        best = np.fmin.accumulate(np.array(run.losses))
        for place, need in enumerate(needed):
            if need <= len(best):
                curves[row, place] = best[need - 1]
    diverged = np.array([run.diverged for run in simulation.runs], dtype=bool)
    finished = np.array([run.finished for run in simulation.runs], dtype=bool) & ~diverged
    return Evidence(
        cube=np.array([space.encode(run.params) for run in simulation.runs]).reshape(
            len(simulation.runs), space.columns
        ),
        curves=curves,
        final=np.where(finished, curves[:, -1] if len(simulation.runs) else np.zeros(0), np.nan),
        diverged=diverged,
    )
