"""A study's prior on its learning rate: given with it, or remembered when it was created; and range tests.

What was remembered is kept with the study, so that what a sampler draws depends on the study alone.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from lrtune.service.storage.schema.attributes import CHOSEN_PRIOR_ATTR, PRIOR_ATTR, RANGE_TEST_ATTR
from lrtune.service.tuning.auto.prior import quantiles_around
from lrtune.service.wire.learning_rates import main_learning_rate
from lrtune.service.wire.priors import GivenPrior, Prior
from lrtune.service.wire.search_space import CategoricalParameter
from lrtune.service.wire.studies import StudySpec

_RANGE_TEST_DECADES = 0.75
_FUSED_DECADES = 0.5
_PRIOR: TypeAdapter[Prior] = TypeAdapter(Prior)


@dataclass(frozen=True)
class RatePrior:
    """A log-normal prior on the learning rate, and where it comes from."""

    median: float
    spread_decades: float
    told: str


def prior_of(spec: StudySpec, system_attrs: Mapping[str, Any]) -> Prior:
    """The study's `prior` as it is now; that of its spec where what was chosen since cannot be read."""
    if CHOSEN_PRIOR_ATTR not in system_attrs:
        return spec.prior
    try:
        return _PRIOR.validate_python(system_attrs[CHOSEN_PRIOR_ATTR], extra="ignore")
    except ValidationError:
        return spec.prior


def priors_of(spec: StudySpec, system_attrs: Mapping[str, Any]) -> dict[str, RatePrior]:
    """The study's priors by optimizer; `""`: whatever the optimizer. Empty where it has none."""
    prior = prior_of(spec, system_attrs)
    if isinstance(prior, GivenPrior):
        given = prior.learning_rate
        told = f"the study's own prior has its median at {given.median:.3g}"
        return {"": RatePrior(given.median, given.spread_decades, told)}
    if prior == "none":
        return {}
    kept = system_attrs.get(PRIOR_ATTR, {})
    return {
        optimizer: RatePrior(fields["median"], fields["spread_decades"], fields["told"])
        for optimizer, fields in kept.items()
    }


def rate_quantiles(spec: StudySpec, system_attrs: Mapping[str, Any]) -> tuple[float, ...] | None:
    """The quantiles of the prior at an even grid from 0 to 1, as rates, for a sampler; None without a prior.

    Of several optimizers' priors, the mixture. A range test moves them halfway to what it recommends, in logs.
    """
    name = main_learning_rate(spec.search_space)
    if name is None or prior_of(spec, system_attrs) == "none":
        return None
    parameter = spec.search_space[name]
    if isinstance(parameter, CategoricalParameter) or not parameter.log:
        return None
    priors = priors_of(spec, system_attrs)
    tested = system_attrs.get(RANGE_TEST_ATTR)
    centres = tuple(prior.median for prior in priors.values())
    decades = max((prior.spread_decades for prior in priors.values()), default=_RANGE_TEST_DECADES)
    if tested is not None:
        decades = _FUSED_DECADES if centres else _RANGE_TEST_DECADES
        centres = tuple(math.sqrt(centre) * math.sqrt(tested) for centre in centres) or (float(tested),)
    if not centres:
        return None
    return _quantiles_around(centres, float(parameter.low), float(parameter.high), decades)


@lru_cache(maxsize=256)
def _quantiles_around(centres: tuple[float, ...], low: float, high: float, decades: float) -> tuple[float, ...]:
    return tuple(quantiles_around(centres, low, high, decades=decades).tolist())
