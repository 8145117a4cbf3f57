"""What intervals hold: on made-up responses and recorded trainings, by how the rates that were tried lie."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, FloatDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from lrtune.service.storage.schema.attributes import DIVERGED_ATTR, OUTCOME_ATTR
from lrtune.service.tuning.auto import AutoSampler
from lrtune.service.tuning.suggesting.posterior.posterior import posterior
from tests.benchmarks.pools import pool
from tests.benchmarks.suggestion.made_up import DESIGNS, NOISES, SHAPES, Response, design, made_up
from tests.benchmarks.suggestion.table import Case, as_kept
from tests.benchmarks.suggestion.unshaped import unshaped_decades

COUNTS = (3, 5, 8, 12, 20, 40)
NEAR, FAR = 1.05, 3.0
"""Times the best loss: what the interval is to hold, and what it must not."""

_NAME, _OTHER = "learning_rate", "dropout"
_FIRST_SEED = 1_000
"""The constants of the posterior were chosen on responses of other seeds."""


@dataclass(frozen=True)
class Job:
    """One study at some of its lengths: `source` is made-up or recorded, `parameters` one or two."""

    source: str
    response: Response
    design: str
    parameters: int
    seed: int
    counts: tuple[int, ...]


@dataclass(frozen=True)
class Measured:
    """One interval, beside the loss of the rate that was suggested and of the best that was seen, without noise."""

    held: bool
    near: bool
    decades: float
    unshaped: float
    far_inside: bool
    regret_suggested: float
    regret_seen: float


@dataclass(frozen=True)
class Line:
    """Means over studies, medians of widths; `times` is the width over that of the process without the shape."""

    source: str
    design: str
    trials: str
    studies: int
    held: float
    near: float
    decades: float
    times: float
    far_inside: float
    regret_suggested: float
    regret_seen: float


def jobs_of(cases: Sequence[Case], *, seeds: int, counts: tuple[int, ...] = COUNTS) -> Iterator[Job]:
    """All studies: `seeds` of each made-up response, and one of each recorded case."""
    for number, shape in enumerate(SHAPES):
        for noise in NOISES:
            for seed in range(_FIRST_SEED, _FIRST_SEED + seeds):
                response = made_up(shape, noise, np.random.default_rng([number, round(1000 * noise), seed]))
                source = "made up, noise" if noise else "made up, no noise"
                for name in (*DESIGNS, "auto"):
                    yield Job(source, response, name, 1, seed, counts)
                yield Job("two parameters", response, "spread", 2, seed, tuple(c for c in counts if c >= 8))
    for number, case in enumerate(cases):
        truth = np.where(np.isfinite(case.truth), case.truth, np.inf)
        response = Response(case.name, np.log10(case.rates), truth, 0.0, case.losses)
        for name in (*DESIGNS, "auto"):
            yield Job("recorded", response, name, 1, _FIRST_SEED + number, counts)


def measure(jobs: Sequence[Job], processes: int) -> list[Line]:
    """A line for each source, design and number of trials, and one for all from five trials on."""
    with pool(processes) as executor:
        results = list(executor.map(measure_one, jobs, chunksize=4))
    groups: dict[tuple[str, str, str], list[Measured]] = defaultdict(list)
    for job, found in zip(jobs, results, strict=True):
        for count, one in found.items():
            groups[job.source, job.design, f"{count:2d}"].append(one)
            if count >= 5:
                groups[job.source, job.design, "5–40"].append(one)
                groups["all", job.design, "5–40"].append(one)
    return [_line(*key, found) for key, found in sorted(groups.items())]


def _line(source: str, name: str, trials: str, found: Sequence[Measured]) -> Line:
    def mean(field: str) -> float:
        return float(np.mean([getattr(one, field) for one in found]))

    decades, unshaped = (float(np.median([getattr(one, field) for one in found])) for field in ("decades", "unshaped"))
    means = (mean("far_inside"), mean("regret_suggested"), mean("regret_seen"))
    return Line(source, name, trials, len(found), mean("held"), mean("near"), decades, decades / unshaped, *means)


def measure_one(job: Job) -> dict[int, Measured]:
    """By number of trials; studies in which too few trained are left out."""
    distributions: dict[str, BaseDistribution] = {
        _NAME: FloatDistribution(10.0 ** job.response.grid[0], 10.0 ** job.response.grid[-1], log=True)
    }
    if job.parameters > 1:
        distributions[_OTHER] = FloatDistribution(0.0, 1.0)
    found = {}
    drawn = _drawn_by_auto(job, distributions) if job.design == "auto" else []
    for count in job.counts:
        trials = drawn[:count] if drawn else _designed(job, count, distributions)
        one = _measured(job.response, trials, distributions)
        if one is not None:
            found[count] = one
    return found


def _drawn_by_auto(job: Job, distributions: dict[str, BaseDistribution]) -> list[FrozenTrial]:
    rng = np.random.default_rng(job.seed)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=AutoSampler(seed=job.seed))
    for _ in range(max(job.counts)):
        trial = study.ask(distributions)
        loss = job.response.measured(float(np.log10(trial.params[_NAME])), rng)
        complete = bool(np.isfinite(loss))
        study.tell(trial, loss if complete else None, state=TrialState.COMPLETE if complete else TrialState.FAIL)
    return [as_kept(trial) for trial in study.trials]


def _designed(job: Job, count: int, distributions: dict[str, BaseDistribution]) -> list[FrozenTrial]:
    rng = np.random.default_rng([job.seed, count, len(job.design)])
    return [_trial(job, place, rng, distributions) for place in design(job.design, count, job.response, rng)]


def _trial(job: Job, place: float, rng: np.random.Generator, distributions: dict[str, BaseDistribution]) -> FrozenTrial:
    space = distributions[_NAME]
    assert isinstance(space, FloatDistribution)
    params: dict[str, Any] = {_NAME: float(np.clip(10.0**place, space.low, space.high))}
    loss = job.response.measured(place, rng)
    if job.parameters > 1:
        params[_OTHER] = float(rng.random())
        loss *= float(np.exp(2 * (params[_OTHER] - 0.3) ** 2))
    if np.isfinite(loss):
        return create_trial(params=params, distributions=distributions, value=loss)
    marks = {DIVERGED_ATTR: 1.0, OUTCOME_ATTR: "diverged"}
    return create_trial(state=TrialState.PRUNED, params=params, distributions=distributions, system_attrs=marks)


def _measured(
    response: Response, trials: Sequence[FrozenTrial], distributions: dict[str, BaseDistribution]
) -> Measured | None:
    complete = [trial for trial in trials if trial.state is TrialState.COMPLETE]
    if len(complete) < 3:
        return None
    best = min(complete, key=lambda trial: trial.values[0])
    found = posterior(trials, distributions, best.params, _NAME)
    if found is None:
        return None
    low, high = (float(np.log10(rate)) for rate in found.interval)
    between = np.concatenate([[low, high], response.grid[(low < response.grid) & (response.grid < high)]])
    held = min(response.loss(float(place)) for place in between) <= NEAR * response.least
    inside = [trial for trial in complete if found.interval[0] <= trial.params[_NAME] <= found.interval[1]]
    seen, suggested = float(np.log10(best.params[_NAME])), float(np.log10(found.learning_rate))
    return Measured(
        held,
        response.loss(suggested) <= NEAR * response.least,
        high - low,
        unshaped_decades(trials, distributions, best.params, _NAME),
        len(distributions) == 1 and any(_is_far(response, trial, best) for trial in inside),
        response.regret(suggested),
        response.regret(seen),
    )


def _is_far(response: Response, trial: FrozenTrial, best: FrozenTrial) -> bool:
    """Whether the rate was measured so much worse than the best, and not by chance: its loss is, without noise."""
    without_noise = response.loss(float(np.log10(trial.params[_NAME]))) / response.loss(
        float(np.log10(best.params[_NAME]))
    )
    return trial.values[0] >= FAR * best.values[0] > 0 and without_noise >= FAR
