"""NePS's PriorBand, for comparison: brackets of successive halving over a prior on the rate, the space and the best."""

import random
from typing import Any

import numpy as np

from tests.benchmarks.processes import BenchError
from tests.benchmarks.search.promotions import recommend_best
from tests.benchmarks.search.resuming import usual_rate
from tests.benchmarks.search.simulation import BudgetSpent, Simulation, Training

_SLICES = "slices"
_DIVERGED = 1e9
"""What a diverged run is told to have reached: NePS weighs configurations by their losses, and takes no infinity."""


def priorband(simulation: Simulation, seed: int) -> None:
    """PriorBand (Mallik 2023, arXiv:2306.12370) on Hyperband, as `neps.algorithms.priorband` has it, with a prior on
    the rate: 1e-3 for Adam, 1e-2 for SGD. A configuration that is taken up again pays for its further slices only.

    Raises BenchError where NePS is not installed.
    """
    neps, torch = _neps()
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    algorithm = neps.AskAndTell(neps.algorithms.priorband(_space(neps, simulation)))
    runs: dict[str, Training] = {}
    try:
        while True:
            trial = algorithm.ask()
            params = dict(trial.config)
            until = round(params.pop(_SLICES))
            configuration = trial.id.partition("_")[0]
            run = runs.get(configuration) or simulation.start(params)
            runs[configuration] = run
            while len(run.losses) < until and not run.finished:
                simulation.advance(run)
            algorithm.tell(trial, _DIVERGED if run.diverged else float(np.min(run.losses)))
            recommend_best(simulation)
    except BudgetSpent:
        return


def _space(neps: Any, simulation: Simulation) -> Any:
    task, elements = simulation.task, {}
    for index, name in enumerate(task.names):
        low, high, scale = task.low[index], task.high[index], task.scale[index]
        prior = {"prior": usual_rate(task), "prior_confidence": "medium"} if name == "learning_rate" else {}
        if scale.endswith("int"):
            elements[name] = neps.HPOInteger(int(low), int(high), log=scale.startswith("log"))
        else:
            elements[name] = neps.HPOFloat(float(low), float(high), log=scale.startswith("log"), **prior)
    elements[_SLICES] = neps.HPOInteger(1, task.slices, is_fidelity=True)
    return neps.SearchSpace(elements)


def _neps() -> tuple[Any, Any]:
    try:
        import neps
        import torch
    except ModuleNotFoundError as missing:
        raise BenchError(
            f"priorband needs {missing.name}: pip install 'lrtune[priorband]' torch==2.13.0, in an environment of its "
            "own and without constraints.txt, since NePS wants older packages; or choose other methods with --method"
        ) from None
    return neps, torch
