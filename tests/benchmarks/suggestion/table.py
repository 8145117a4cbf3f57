"""How good suggestions are: does the 80 % interval cover the best rate, and what does the suggested rate cost?

On tabulated real trainings in which the rate is all there is: `deepobs/`, `lcbench-lr/` and `small-trainings.npz` in
DIR. Every third task is kept aside for judging.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.distributions import FloatDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.trial import FrozenTrial, TrialState

from lrtune.service.storage.schema.attributes import DIVERGED_ATTR, OUTCOME_ATTR
from lrtune.service.tuning.auto import AutoSampler
from lrtune.service.tuning.suggesting.compute import Seen, work_out
from lrtune.service.tuning.trials.replicates import Finalist
from lrtune.service.wire.search_space import FloatParameter, Parameter
from lrtune.service.wire.studies import StudySpec, Suggestion
from tests.benchmarks.pools import pool
from tests.benchmarks.processes import BenchError
from tests.benchmarks.search.suites import Task, kept_aside, read_suite

Floats = NDArray[np.float64]

MARKS = (5, 10, 25)
_NAME = "learning_rate"
_SUITES = ("deepobs", "lcbench-lr")
_SMALL = "small-trainings"
_SAMPLERS: dict[str, Callable[[int], BaseSampler]] = {
    "random": lambda seed: RandomSampler(seed=seed),
    "auto": lambda seed: AutoSampler(seed=seed),
}


@dataclass(frozen=True)
class Case:
    """A task: `rates` (n,), rising, the losses there of several runs, `losses` (runs, n), NaN where one diverged, and
    their mean, `truth` (n,)."""

    suite: str
    name: str
    kept: bool
    rates: Floats
    losses: Floats
    truth: Floats

    @property
    def best_rate(self) -> float:
        """The rate with the lowest mean loss."""
        return float(self.rates[np.nanargmin(self.truth)])

    def loss(self, rate: float, table: Floats) -> float:
        """The loss at a rate, interpolated along its logarithm; beside a diverged one, the nearer one's."""
        place = np.interp(np.log(rate), np.log(self.rates), np.arange(len(self.rates)))
        below = min(int(place), len(self.rates) - 2)
        share = place - below
        if np.isfinite(table[below : below + 2]).all():
            return float((1 - share) * table[below] + share * table[below + 1])
        return float(table[below + round(share)])

    def regret(self, rate: float) -> float:
        """0 at the best mean loss, 1 at the median rate's and beyond, and where it diverges."""
        loss, best = self.loss(rate, self.truth), float(np.nanmin(self.truth))
        middle = float(np.median(np.where(np.isfinite(self.truth), self.truth, np.nanmax(self.truth))))
        return float(np.clip((loss - best) / (middle - best), 0, 1)) if np.isfinite(loss) else 1.0


@dataclass(frozen=True)
class Row:
    """Means over cases and seeds."""

    name: str
    tasks: str
    trials: int
    cases: int
    covered: float
    decades: float
    regret_suggested: float
    regret_seen: float


@dataclass(frozen=True)
class _Measured:
    covered: bool
    decades: float
    suggested: float
    seen: float


def read_cases(data: Path) -> list[Case]:
    """All cases. Raises BenchError where the folder lacks some."""
    cases = []
    for suite in _SUITES:
        kept = {task.name for task in read_suite(data, suite, "kept")}
        cases += [_of_suite(task, task.name in kept) for task in read_suite(data, suite)]
    try:
        with np.load(data / f"{_SMALL}.npz", allow_pickle=False) as found:
            rates = np.asarray(found["learning_rates"])
            final_losses = np.asarray(found["final_loss"], dtype=float)[..., 2, :]
            names, optimizers = found["tasks"].tolist(), found["optimizers"].tolist()
    except (OSError, KeyError) as error:
        raise BenchError(f"{data / _SMALL}.npz cannot be read: {error}") from error
    kept_numbers = kept_aside(range(len(names)))
    for number, task in enumerate(names):
        for place, optimizer in enumerate(optimizers):
            runs = np.where(np.isfinite(final_losses[number, place]), final_losses[number, place], np.nan).T
            cases.append(Case(_SMALL, f"{task}-{optimizer}", number in kept_numbers, rates, runs, runs.mean(axis=0)))
    return cases


def _of_suite(task: Task, kept: bool) -> Case:
    final_losses = np.where(np.isfinite(task.loss[:, -1]), np.fmin.reduce(task.loss, axis=1), np.nan)
    return Case(task.suite, task.name, kept, task.configs[:, 0], final_losses[None, :], final_losses)


def train(case: Case, sampler: str, seed: int) -> list[FrozenTrial]:
    """The trials of a study of the case, as many as the last mark."""
    low, high = float(case.rates[0]), float(case.rates[-1])
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=_SAMPLERS[sampler](seed))
    for number in range(MARKS[-1]):
        trial = study.ask({_NAME: FloatDistribution(low, high, log=True)})
        loss = case.loss(trial.params[_NAME], case.losses[(seed + number) % len(case.losses)])
        complete = bool(np.isfinite(loss))
        study.tell(trial, loss if complete else None, state=TrialState.COMPLETE if complete else TrialState.FAIL)
    return [as_kept(trial) for trial in study.trials]


def as_kept(trial: FrozenTrial) -> FrozenTrial:
    """The trial as the service keeps it: a diverged one is pruned, with a mark."""
    if trial.state is TrialState.FAIL:
        trial.state = TrialState.PRUNED
        trial.system_attrs = {DIVERGED_ATTR: 1.0, OUTCOME_ATTR: "diverged"}
    return trial


def suggest_after(trials: Sequence[FrozenTrial], low: float, high: float) -> Suggestion:
    """What the service suggests after these trials."""
    space: dict[str, Parameter] = {_NAME: FloatParameter(type="float", low=low, high=high, log=True)}
    complete = sorted((t for t in trials if t.state is TrialState.COMPLETE), key=lambda t: t.values[0])
    diverged = len(trials) - len(complete)
    return work_out(
        Seen(
            known=(len(complete), 0, diverged, 0),
            spec=StudySpec(name="measured", search_space=space),
            name=_NAME,
            trials=trials,
            finalists=[Finalist(t.number, t.params, t.values[0], 1) for t in complete],
            middle=complete[len(complete) // 2].values[0] if complete else None,
            distributions={_NAME: FloatDistribution(low, high, log=True)},
            maximizes=False,
            tests=(),
            prior={},
        )
    )


def _measure(case: Case, sampler: str, seed: int) -> list[_Measured]:
    trials = train(case, sampler, seed)
    low, high = float(case.rates[0]), float(case.rates[-1])
    measured = []
    for mark in MARKS:
        found = suggest_after(trials[:mark], low, high)
        assert found.learning_rate is not None
        assert found.interval is not None
        first, last = found.interval
        complete = [t for t in trials[:mark] if t.state is TrialState.COMPLETE]
        best = min(complete, key=lambda t: t.values[0]).params[_NAME] if complete else low
        covered = first * (1 - 1e-9) <= case.best_rate <= last * (1 + 1e-9)
        decades = float(np.log10(last / first))
        measured.append(_Measured(covered, decades, case.regret(found.learning_rate), case.regret(best)))
    return measured


def measure(cases: Sequence[Case], *, seeds: int, processes: int) -> list[Row]:
    """The table: by sampler, then by suite, over all tasks, those looked at in development and those kept aside."""
    jobs = [(case, sampler, seed) for case in cases for sampler in _SAMPLERS for seed in range(seeds)]
    with pool(processes) as executor:
        results = list(executor.map(partial(_apply, _measure), jobs, chunksize=8))
    groups: dict[tuple[str, str, int], list[_Measured]] = defaultdict(list)
    for (case, sampler, _), measured in zip(jobs, results, strict=True):
        for mark, one in zip(MARKS, measured, strict=True):
            for name in (f"1 {sampler}", f"2 {case.suite}", "0 all"):
                for tasks in ("all", "kept" if case.kept else "dev"):
                    groups[name, tasks, mark].append(one)
    rows = [_mean(name, tasks, mark, found) for (name, tasks, mark), found in sorted(groups.items())]
    return [replace(row, name=row.name[2:]) for row in rows]


def _apply(function: Callable[..., list[_Measured]], job: tuple[Case, str, int]) -> list[_Measured]:
    return function(*job)


def _mean(name: str, tasks: str, mark: int, found: Sequence[_Measured]) -> Row:
    covered, decades, suggested, seen = (
        float(np.mean([getattr(one, field) for one in found])) for field in ("covered", "decades", "suggested", "seen")
    )
    return Row(name, tasks, mark, len(found), covered, decades, suggested, seen)
