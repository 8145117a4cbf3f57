"""Samplers by name.

To add one: give it a model in `wire/methods.py` (its name and options) and a place in the union `Sampler` there; build
it in `build_sampler`; refuse in `check_sampler` the search spaces that it cannot work on; and say in
`sampling/snapshots.py` how much of the history it is shown. `sampling/draw.py` does the rest.
"""

import importlib
import importlib.util
from collections.abc import Mapping
from typing import Any

import numpy as np
import optuna.samplers as optuna
from optuna.distributions import BaseDistribution
from optuna.study import Study
from optuna.trial import FrozenTrial

from lrtune.service.tuning.auto import AutoSampler
from lrtune.service.tuning.errors import InvalidField
from lrtune.service.tuning.sampling.cmaes import CmaEsSampler, EvolvingSnapshot, in_every_trial
from lrtune.service.tuning.sampling.grid import MAX_POINTS, count_values, grid_of
from lrtune.service.tuning.state.rate_prior import rate_quantiles
from lrtune.service.tuning.state.snapshot import Snapshot
from lrtune.service.wire import methods
from lrtune.service.wire.learning_rates import main_learning_rate
from lrtune.service.wire.studies import StudySpec


def check_sampler(spec: StudySpec) -> None:
    """Raise InvalidField where the study's sampler cannot work on its search space."""
    sampler = spec.sampler
    if isinstance(sampler, methods.GpSampler) and importlib.util.find_spec("torch") is None:
        raise InvalidField(("sampler", "name"), "gp needs torch where the service runs: pip install torch")
    if isinstance(sampler, methods.GridSampler):
        try:
            grid_of(spec)
        except ValueError as error:
            raise InvalidField(("sampler", "points"), f"the grid {error}; take fewer") from None
    if isinstance(sampler, methods.BruteForceSampler):
        for name, parameter in spec.search_space.items():
            try:
                values = count_values(parameter, None)
            except ValueError as error:
                raise InvalidField(("search_space", name), f"{error} for bruteforce; or use the grid sampler") from None
            if values > MAX_POINTS:
                raise InvalidField(
                    ("search_space", name), f"has more than {MAX_POINTS} values; take a larger step for bruteforce"
                )
        try:
            grid_of(spec)
        except ValueError:
            raise InvalidField(
                ("search_space",),
                f"conditions tie more than {MAX_POINTS} combinations together; take larger steps for bruteforce",
            ) from None


def build_sampler(spec: StudySpec, number: int, snapshot: Snapshot) -> optuna.BaseSampler:
    """A sampler for the draw of trial `number` on `snapshot`.

    It is made anew for each draw, its seed from the study's seed and the number: what is drawn depends on the spec
    and the history alone, not on restarts. Samplers that walk a fixed sequence keep the study's seed.
    """
    sampler = spec.sampler
    own = int(np.random.SeedSequence([sampler.seed, number]).generate_state(1)[0])
    match sampler:
        case methods.AutoSampler():
            quantiles = rate_quantiles(spec, snapshot.system_attrs)
            return AutoSampler(
                seed=sampler.seed,
                max_steps=spec.max_steps,
                rate_quantiles=quantiles,
                failed_counts=False,
                learning_rate=main_learning_rate(spec.search_space),
                crowded=snapshot.crowded,
            )
        case methods.TpeSampler():
            return optuna.TPESampler(
                seed=own, n_startup_trials=sampler.n_startup_trials, n_ei_candidates=sampler.n_ei_candidates
            )
        case methods.GpSampler():
            return optuna.GPSampler(
                seed=own,
                n_startup_trials=sampler.n_startup_trials,
                deterministic_objective=sampler.deterministic_objective,
            )
        case methods.CmaesSampler():
            begun = isinstance(snapshot, EvolvingSnapshot) and snapshot.ended >= sampler.n_startup_trials
            evolution = snapshot.evolution if isinstance(snapshot, EvolvingSnapshot) and begun else None
            space = in_every_trial(spec.search_space, snapshot.distributions, choices=False)
            return CmaEsSampler(evolution, space, sampler.sigma0, own)
        case methods.QmcSampler():
            return _QmcSampler(
                in_every_trial(spec.search_space, snapshot.distributions, choices=True),
                seed=sampler.seed,
                qmc_type=sampler.qmc_type,
                scramble=sampler.scramble,
                independent_sampler=optuna.RandomSampler(seed=own),
                warn_asynchronous_seeding=False,
                warn_independent_sampling=False,
            )
        case methods.RandomSampler() | methods.GridSampler():  # A draw does without one: draw.draws_at_once.
            return optuna.RandomSampler(seed=own)
        case methods.BruteForceSampler():
            return optuna.BruteForceSampler(seed=own)


def is_ready(spec: StudySpec) -> bool:
    """Whether what the study's sampler imports late has been imported."""
    return _imported.issuperset(_IMPORTED_LATE.get(type(spec.sampler), ()))


def make_ready(spec: StudySpec) -> None:
    """Import it, which may take seconds the first time."""
    for name in _IMPORTED_LATE.get(type(spec.sampler), ()):
        importlib.import_module(name)
        _imported.add(name)


_IMPORTED_LATE: dict[type, tuple[str, ...]] = {
    methods.GpSampler: ("torch", "optuna._gp.gp"),
    methods.CmaesSampler: ("cmaes",),  # With it comes scipy.stats, as long to import as a fifth of the service.
}
_imported: set[str] = set()


class _QmcSampler(optuna.QMCSampler):
    """Optuna's, over what every trial has, and not over what the first trial happened to have: it needs no history."""

    def __init__(self, space: Mapping[str, BaseDistribution], **options: Any) -> None:
        super().__init__(**options)
        self._space = dict(space)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return self._space
