"""`auto` with pausing: the simulated service asks `promotion.decide` whenever a worker is free."""

import numpy as np

from lrtune.service.tuning.auto.evidence import FRACTIONS, Evidence, Floats, steps_at
from lrtune.service.tuning.auto.policy import promotion
from lrtune.service.tuning.auto.prior import quantiles_around
from lrtune.service.tuning.auto.space import Space
from tests.benchmarks.search.recommending import recommended
from tests.benchmarks.search.study import BudgetSpent, Desk, Training
from tests.benchmarks.search.suites import Task

_USUAL = {"adam": 1e-3, "sgd": 1e-2}
"""The rates by which a study starts that knows its optimizer and nothing else."""


def usual_rate(task: Task) -> float:
    """The rate that one would try first."""
    return _USUAL[task.optimizer]


def usual_quantiles(task: Task) -> Floats:
    """The prior on the task's learning rate, as rates."""
    index = task.names.index("learning_rate")
    return quantiles_around([usual_rate(task)], float(task.low[index]), float(task.high[index]))


def auto_pausing(desk: Desk, seed: int) -> None:
    """One worker, trials paused and resumed at no cost but their further slices."""
    _run(desk, seed, None)


def auto_pausing_prior(desk: Desk, seed: int) -> None:
    """The same, starting around the usual rate of the optimizer."""
    space = Space(desk.task.distributions())
    rates = usual_quantiles(desk.task)
    index = desk.task.names.index("learning_rate")
    low, high = np.log(desk.task.low[index]), np.log(desk.task.high[index])
    assert space.rate_index is not None
    _run(desk, seed, (np.log(rates) - low) / (high - low))


def _run(desk: Desk, seed: int, quantiles: Floats | None) -> None:
    space = Space(desk.task.distributions())
    whole: set[int] = set()
    try:
        while True:
            evidence = evidence_of(desk, space)
            chosen = promotion.decide(
                evidence,
                evidence.partial,
                space,
                number=len(desk.runs),
                seed=seed,
                whole=np.isin(np.arange(len(desk.runs)), list(whole)),
                quantiles=quantiles,
            )
            if chosen.whole:
                whole.add(len(desk.runs) if chosen.trial is None else chosen.trial)
            run = _chosen(desk, space, chosen)
            until = steps_at(float(FRACTIONS[chosen.until]), desk.task.slices)
            while len(run.losses) < until and not run.finished:
                desk.advance(run)
            desk.answer(recommended(desk))
    except BudgetSpent:
        return


def _chosen(desk: Desk, space: Space, chosen: promotion.Decision) -> Training:
    if chosen.trial is not None:
        return desk.runs[chosen.trial]
    assert chosen.point is not None
    return desk.start(space.decode(chosen.point))


def evidence_of(desk: Desk, space: Space) -> Evidence:
    """What the desk's trainings have shown."""
    needed = [steps_at(share, desk.task.slices) for share in FRACTIONS.tolist()]
    curves = np.full((len(desk.runs), len(FRACTIONS)), np.nan)
    for row, run in enumerate(desk.runs):
        best = np.fmin.accumulate(np.array(run.losses))
        for place, need in enumerate(needed):
            if need <= len(best):
                curves[row, place] = best[need - 1]
    diverged = np.array([run.diverged for run in desk.runs], dtype=bool)
    finished = np.array([run.finished for run in desk.runs], dtype=bool) & ~diverged
    return Evidence(
        cube=np.array([space.encode(run.params) for run in desk.runs]).reshape(len(desk.runs), space.columns),
        curves=curves,
        final=np.where(finished, curves[:, -1] if len(desk.runs) else np.zeros(0), np.nan),
        diverged=diverged,
    )
