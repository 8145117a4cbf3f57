"""`bench pacing`: what `auto` reaches with a budget of trials, trained whole, raced and paused.

The table of docs/explanation/pausing.md.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import optuna
import typer
from optuna.pruners import BasePruner, NopPruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import TrialState

from lrtune.service.tuning.auto import AutoPruner, AutoSampler
from lrtune.service.tuning.auto.evidence import FRACTIONS, steps_at
from lrtune.service.tuning.auto.policy import promotion
from lrtune.service.tuning.auto.policy.trial_budget import few_steps_per_trial
from lrtune.service.tuning.auto.space import Space
from tests.benchmarks.command_line import Data, Jobs, Quick, markdown, measuring, short
from tests.benchmarks.pools import pool
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
            insists=few_steps_per_trial(simulation.spent, begun, max_steps=full, max_trials=trials),
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


def lines(
    data: Path, budgets: Sequence[int], suites: Sequence[str], seeds: int, processes: int
) -> Iterator[tuple[str, ...]]:
    """A line for each budget and suite: the budget, the suite, and each way's regret (with the steps it trained)."""
    with pool(processes) as executor:
        for trials in budgets:
            for suite in suites:
                names = [task.name for task in read_suite(data, suite, "dev")]
                cells = []
                for way in WAYS:
                    jobs = [(str(data), suite, name, way, trials, seed) for name in names for seed in range(seeds)]
                    regret, spent = np.mean(list(executor.map(perform, jobs)), axis=0)
                    cells.append(short(regret) + (f" ({spent:.1f})" if spent < trials - 0.05 else ""))
                yield (str(trials), suite, *cells)


def pacing(
    data: Data,
    seeds: Annotated[int, typer.Option(min=1, help="Repetitions of each task.")] = 10,
    jobs: Jobs = 2,
    quick: Quick = False,
) -> None:
    """What `auto` reaches with a budget of trials, trained whole, raced and paused.

    The table of docs/explanation/pausing.md.

    Regret of the best loss seen after so many trials on two thirds of the tasks of each suite; in brackets, where it is
    less than the trials, how many full trainings' steps were trained. About an hour; --quick: one seed of 6 trials.
    """
    with measuring():
        budgets, suites = (BUDGETS[:1], SUITES[:1]) if quick else (BUDGETS, SUITES)
        columns = ("`max_trials`", "", "random, whole", "TPE, whole", "`auto`, whole", "raced", "paused")
        print(markdown(columns, lines(data, budgets, suites, 1 if quick else seeds, jobs)))
