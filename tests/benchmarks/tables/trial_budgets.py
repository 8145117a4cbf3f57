"""Simulated studies whose budget is trials: trained whole, raced or paused, by one worker or several at once."""

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.pruners import BasePruner, NopPruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import Trial, TrialState

from lrtune.service.tuning.auto import AutoPruner, AutoSampler
from lrtune.service.tuning.auto.evidence import FRACTIONS, steps_at
from lrtune.service.tuning.auto.policy import promotion
from lrtune.service.tuning.auto.policy.trial_budget import few_steps_per_trial
from lrtune.service.tuning.auto.space import Space
from tests.benchmarks.search.resuming import evidence_of
from tests.benchmarks.search.simulation import Simulation, Training

_END = object()

WAYS = ("random", "tpe", "whole", "raced", "paused")
"""How the trials are spent: the last three by `auto`."""


def spend(
    simulation: Simulation,
    way: str,
    trials: int,
    seed: int,
    *,
    workers: int = 1,
    begun: Callable[[Training], None] | None = None,
) -> None:
    """Train so many trials in one of `WAYS`, so many at once; `begun` is told of each as it begins."""
    tell = begun if begun is not None else _nobody
    train = _paused if way == "paused" else _by_optuna
    train(simulation, way, trials, seed, workers, tell)


def _nobody(_run: Training) -> None:
    return


def _built(
    way: str, distributions: Mapping[str, BaseDistribution], slices: int, trials: int, seed: int
) -> tuple[BaseSampler, BasePruner]:
    if way == "random":
        return RandomSampler(seed=seed), NopPruner()
    if way == "tpe":
        return TPESampler(seed=seed), NopPruner()
    pruner = AutoPruner(max_steps=slices, max_trials=trials) if way == "raced" else NopPruner()
    return AutoSampler(seed=seed, max_steps=slices), pruner


def _by_optuna(
    simulation: Simulation, way: str, trials: int, seed: int, workers: int, begun: Callable[[Training], None]
) -> None:
    task = simulation.task
    sampler, pruner = _built(way, task.distributions(), task.slices, trials, seed)
    study = optuna.create_study(sampler=sampler, pruner=pruner)

    def course() -> Iterator[None]:
        trial = study.ask(task.distributions())
        run = simulation.start(trial.params)
        begun(run)
        while not run.finished:
            yield
            trial.report(simulation.advance(run), len(run.losses))
            if run.diverged or trial.should_prune():
                break
        _end(study, trial, run)

    def next_one() -> Iterator[None] | None:
        return course() if len(simulation.runs) < trials else None

    _side_by_side(next_one, workers)


def _end(study: optuna.Study, trial: Trial, run: Training) -> None:
    if run.finished and not run.diverged:
        study.tell(trial, min(run.losses))
    else:
        study.tell(trial, state=TrialState.FAIL if run.diverged else TrialState.PRUNED)


def _paused(
    simulation: Simulation, way: str, trials: int, seed: int, workers: int, begun: Callable[[Training], None]
) -> None:
    space, full = Space(simulation.task.distributions()), simulation.task.slices
    whole: set[int] = set()
    targets: dict[int, int] = {}

    def course(place: int, until: int) -> Iterator[None]:
        run = simulation.runs[place]
        targets[place] = until
        while len(run.losses) < until and not run.finished:
            yield
            simulation.advance(run)
        del targets[place]

    def next_one() -> Iterator[None] | None:
        evidence, count = evidence_of(simulation, space), len(simulation.runs)
        leased = sum(until - len(simulation.runs[place].losses) for place, until in targets.items())
        chosen = promotion.decide(
            evidence,
            evidence.partial & ~np.isin(np.arange(count), list(targets)),
            space,
            number=count,
            seed=seed,
            whole=np.isin(np.arange(count), list(whole)),
            insists=few_steps_per_trial(simulation.spent + leased, count, max_steps=full, max_trials=trials),
            fresh=count < trials,
            max_trials=trials,
        )
        if chosen.trial is None and count >= trials:
            return None
        place = count if chosen.trial is None else chosen.trial
        if chosen.whole:
            whole.add(place)
        if chosen.trial is None:
            assert chosen.point is not None
            begun(simulation.start(space.decode(chosen.point)))
        return course(place, steps_at(float(FRACTIONS[chosen.until]), full))

    _side_by_side(next_one, workers)


def _side_by_side(next_one: Callable[[], Iterator[None] | None], workers: int) -> None:
    """So many trainings at once, a slice of each in turn, until none is left to begin and all have ended."""
    going: list[Iterator[None]] = []
    while True:
        while len(going) < workers and (another := next_one()) is not None:
            if next(another, _END) is not _END:
                going.append(another)
        if not going:
            return
        going = [one for one in going if next(one, _END) is not _END]
