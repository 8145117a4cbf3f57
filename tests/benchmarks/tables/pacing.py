"""The table of docs/pausing.md: what `auto` reaches with a budget of trials, trained whole, raced and paused.

`python -m tests.benchmarks.tables.pacing --data DIR [--seeds 10]`, DIR as for `search`; two thirds of the tasks.
"""

import argparse
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import optuna
from optuna.pruners import BasePruner, NopPruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import TrialState

from lrtune.service.tuning.auto import AutoPruner, AutoSampler
from lrtune.service.tuning.auto.evidence import FRACTIONS, steps_at
from lrtune.service.tuning.auto.policy import promotion
from lrtune.service.tuning.auto.policy.trial_budget import behind_pace
from lrtune.service.tuning.auto.space import Space
from tests.benchmarks.search.resuming import evidence_of
from tests.benchmarks.search.simulation import Simulation
from tests.benchmarks.search.suites import SUITES, Task, read_suite, read_task

BUDGETS = (6, 12, 24)
WAYS = ("random", "tpe", "whole", "raced", "paused")
Job = tuple[str, str, str, str, int, int]


def built(way: str, task: Task, trials: int, seed: int) -> tuple[BaseSampler, BasePruner]:
    if way == "random":
        return RandomSampler(seed=seed), NopPruner()
    if way == "tpe":
        return TPESampler(seed=seed), NopPruner()
    pruner = AutoPruner(max_steps=task.slices, max_trials=trials) if way == "raced" else NopPruner()
    return AutoSampler(seed=seed, max_steps=task.slices), pruner


def by_optuna(simulation: Simulation, way: str, trials: int, seed: int) -> None:
    sampler, pruner = built(way, simulation.task, trials, seed)
    study = optuna.create_study(sampler=sampler, pruner=pruner)
    for _ in range(trials):
        trial = study.ask(simulation.task.distributions())
        run = simulation.start(trial.params)
        while not run.finished:
            trial.report(simulation.advance(run), len(run.losses))
            if run.diverged or trial.should_prune():
                break
        if run.finished and not run.diverged:
            study.tell(trial, min(run.losses))
        else:
            study.tell(trial, state=TrialState.FAIL if run.diverged else TrialState.PRUNED)


def by_pausing(simulation: Simulation, trials: int, seed: int) -> None:
    space, full = Space(simulation.task.distributions()), simulation.task.slices
    whole: set[int] = set()
    while True:
        evidence, begun = evidence_of(simulation, space), len(simulation.runs)
        chosen = promotion.decide(
            evidence,
            evidence.partial,
            space,
            number=begun,
            seed=seed,
            whole=np.isin(np.arange(begun), list(whole)),
            insists=behind_pace(simulation.spent, begun, max_steps=full, max_trials=trials),
            fresh=begun < trials,
            max_trials=trials,
        )
        if chosen.trial is None and begun >= trials:
            return
        if chosen.whole:
            whole.add(begun if chosen.trial is None else chosen.trial)
        if chosen.trial is None:
            assert chosen.point is not None
            simulation.start(space.decode(chosen.point))
        run = simulation.runs[-1 if chosen.trial is None else chosen.trial]
        while len(run.losses) < steps_at(float(FRACTIONS[chosen.until]), full) and not run.finished:
            simulation.advance(run)


def perform(job: Job) -> tuple[float, float]:
    """The regret of the best seen, and the full trainings' steps that were trained."""
    data, suite, name, way, trials, seed = job
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    simulation = Simulation(read_task(Path(data) / suite / f"{name}.npz", suite), trials + 1)
    (by_pausing(simulation, trials, seed) if way == "paused" else by_optuna(simulation, way, trials, seed))
    return simulation.regret_seen(trials + 1), simulation.spent / simulation.task.slices


def main(say: Callable[[str], None] = print) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=10)
    given = parser.parse_args()
    heads = ("`max_trials`", "", "random, whole", "TPE, whole", "`auto`, whole", "raced", "paused")
    say(f"| {' | '.join(heads)} |")
    say("|---" * len(heads) + "|")
    with get_context("spawn").Pool(2) as pool:
        for trials in BUDGETS:
            for suite in SUITES:
                names = [task.name for task in read_suite(given.data, suite, "dev")]
                cells = []
                for way in WAYS:
                    jobs = [
                        (str(given.data), suite, n, way, trials, seed) for n in names for seed in range(given.seeds)
                    ]
                    regret, spent = np.mean(pool.map(perform, jobs), axis=0)
                    cells.append(f"{regret:.3f}".lstrip("0") + (f" ({spent:.1f})" if spent < trials - 0.05 else ""))
                say(f"| {trials} | {suite} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
