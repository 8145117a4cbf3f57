"""CMA-ES (Hansen 2016, arXiv:1604.00772), its state reckoned from the trials that were told to it.

Optuna's own sampler keeps that state in attributes of trials, pickled: whoever can write to the database could have the
service run code. Here it is in memory, one for each study, and after a restart it is reckoned anew. What says which
trials it was told is a number on each of them, its generation, under the name that Optuna gives it.
"""

import importlib
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from optuna._transform import _SearchSpaceTransform
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from lrtune.service.storage.memory.study import StudyMirror, TrialMirror
from lrtune.service.storage.schema.attributes import FIXED_ATTR, GENERATION_ATTR
from lrtune.service.tuning.auto.evidence import Floats
from lrtune.service.tuning.state.snapshot import Snapshot
from lrtune.service.wire.search_space import Parameter

_UNDER_WAY = (TrialState.RUNNING, TrialState.WAITING)


@dataclass(frozen=True, slots=True)
class Told:
    """How a trial of a `generation` ended; `loss`: lower is better, inf where it diverged."""

    generation: int
    params: Mapping[str, Any]
    loss: float


@dataclass(frozen=True)
class EvolvingSnapshot(Snapshot):
    """What CMA-ES is shown: its own state, which goes on with the study."""

    evolution: "Evolution" = field(default_factory=lambda: Evolution())
    ended: int = 0
    """Complete and diverged trials."""


class StillReckoning(Exception):
    """After a restart, the state of a long study is not there yet; each draw goes on with it."""


class Evolution:
    """The state of a study's CMA-ES. Derived from its mirror, and kept with it.

    `look` is for those who hold the engine's lock; it costs as much as there are trials that have begun since or are
    under way. The rest is for the threads that draw, of which one at a time goes on with the state, for `most_seconds`
    at most: some 50,000 trials of ten parameters.
    """

    def __init__(self, most_seconds: float = 2.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._looked = 0
        self._open: list[TrialMirror] = []
        self._ended: deque[tuple[list[TrialMirror], float]] = deque()
        self._untold: deque[Told] = deque()
        self._lock = threading.Lock()
        self._run: _Run | None = None
        self._most_seconds, self._clock = most_seconds, clock

    def look(self, study: StudyMirror) -> None:
        """Note the trials that have ended since the last look. These do not change any more: what they say is read
        later, by whoever draws."""
        unsure = [*self._open, *study.trials[self._looked :]]
        self._looked = len(study.trials)
        self._open = [trial for trial in unsure if trial.state in _UNDER_WAY]
        if len(self._open) < len(unsure):
            ended = [trial for trial in unsure if trial.state not in _UNDER_WAY]
            self._ended.append((ended, -1.0 if study.maximizes else 1.0))

    def ask(self, space: Mapping[str, BaseDistribution], sigma: float | None, seed: int) -> tuple[dict[str, Any], int]:
        """The next point and its generation. The same state and seed give the same point. Raises StillReckoning."""
        with self._lock:
            until = self._clock() + self._most_seconds
            self._read()
            if self._run is None:
                self._run = _Run(space, sigma)
            while self._untold:
                if self._clock() > until:
                    raise StillReckoning(f"its state is being reckoned anew, {len(self._untold)} trials are left")
                self._run.tell(self._untold.popleft())
            return self._run.ask(seed), self._run.generation

    def _read(self) -> None:
        """What the trials that have ended say, in the order in which they did."""
        while self._ended:
            ended, sign = self._ended.popleft()
            for trial in sorted(ended, key=lambda trial: (trial.finished_at or 0.0, trial.number)):
                told = _told(trial, sign)
                if told is not None:
                    self._untold.append(told)


class _Run:
    """The optimizer, over the unit cube, and what it was told of generations that are not whole yet."""

    def __init__(self, space: Mapping[str, BaseDistribution], sigma: float | None) -> None:
        self._transform = _SearchSpaceTransform(dict(space), transform_0_1=True)
        self._names = list(space)
        self._sigma = sigma
        self._waiting: dict[int, list[tuple[Floats, float]]] = {}
        self.generation = 0
        self._begin()

    def _begin(self) -> None:
        bounds = self._transform.bounds
        self._optimizer = importlib.import_module("cmaes").CMA(  # Late: samplers.make_ready.
            mean=bounds.mean(axis=1),
            sigma=max(1 / 6 if self._sigma is None else self._sigma, 1e-10),
            bounds=bounds,
            n_max_resampling=10 * len(bounds),
        )

    def tell(self, told: Told) -> None:
        point = self._encode(told.params)
        if told.generation < self.generation or point is None:
            return
        self._waiting.setdefault(told.generation, []).append((point, told.loss))
        while len(self._waiting.get(self.generation, ())) >= self._optimizer.population_size:
            members = self._waiting.pop(self.generation)[: self._optimizer.population_size]
            self.generation += 1
            self._advance(members)

    def _advance(self, members: list[tuple[Floats, float]]) -> None:
        """One generation on; where the numbers give out, from the start."""
        try:
            with np.errstate(all="ignore"):
                self._optimizer.tell(members)
                self._optimizer.reseed_rng(0)
                sound = bool(np.isfinite(self._optimizer.ask()).all())
        except (ArithmeticError, AssertionError, ValueError, np.linalg.LinAlgError):
            sound = False
        if not sound:
            self._begin()

    def ask(self, seed: int) -> dict[str, Any]:
        self._optimizer.reseed_rng(seed)
        return self._transform.untransform(self._optimizer.ask())

    def _encode(self, params: Mapping[str, Any]) -> Floats | None:
        try:
            point: Floats = self._transform.transform({name: params[name] for name in self._names})
        except (KeyError, TypeError, ValueError):  # Of a trial that another process made, in another space.
            return None
        return np.clip(point, 0.0, 1.0) if np.isfinite(point).all() else None


class CmaEsSampler(BaseSampler):
    """CMA-ES on the numbers that every trial has; what has a condition or choices is drawn at random.

    Args:
        evolution: The study's, or None while fewer trials have ended than are to be drawn at random first.
        space: Of the numbers that every trial has.
        sigma0: The first step, of a unit cube's side; by default a sixth.
        seed: Of this draw.
    """

    def __init__(
        self, evolution: Evolution | None, space: Mapping[str, BaseDistribution], sigma0: float | None, seed: int
    ) -> None:
        self._evolution, self._space, self._sigma0, self._seed = evolution, dict(space), sigma0, seed
        self._independent = RandomSampler(seed=seed)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return self._space if self._evolution is not None else {}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        if self._evolution is None or not search_space:
            return {}
        params, generation = self._evolution.ask(search_space, self._sigma0, self._seed)
        if not search_space.keys() & trial.system_attrs.get(FIXED_ATTR, {}).keys():  # A point of its own.
            study._storage.set_trial_system_attr(trial._trial_id, GENERATION_ATTR, generation)
        return params

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        return self._independent.sample_independent(study, trial, param_name, param_distribution)


def in_every_trial(
    search_space: Mapping[str, Parameter], distributions: Mapping[str, BaseDistribution], *, choices: bool
) -> dict[str, BaseDistribution]:
    """The distributions of what has no condition, and more than one value; with `choices` or without."""
    return {
        name: distributions[name]
        for name, parameter in search_space.items()
        if not parameter.when and not distributions[name].single()
        if choices or not isinstance(distributions[name], CategoricalDistribution)
    }


def _told(trial: TrialMirror, sign: float) -> Told | None:
    generation = trial.system_attrs.get(GENERATION_ATTR)
    if not isinstance(generation, int) or isinstance(generation, bool):
        return None
    if trial.outcome == "diverged":
        return Told(generation, trial.params, math.inf)
    if trial.outcome != "complete" or trial.value is None:
        return None
    loss = sign * trial.value
    return Told(generation, trial.params, math.inf if math.isnan(loss) else loss)
