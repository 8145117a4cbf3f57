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
_LARGEST = 1e300
_PRIOR: TypeAdapter[Prior] = TypeAdapter(Prior)


@dataclass(frozen=True)
class RatePrior:
    """A log-normal prior on the learning rate, and where it comes from."""

    median: float
    spread_decades: float
    told: str
    usual: bool = False
    """Whether it is what is usual, and not what was found here."""


def prior_of(spec: StudySpec, system_attrs: Mapping[str, Any]) -> Prior:
    """The study's `prior` as it is now; that of its spec where what was chosen since cannot be read."""
    if CHOSEN_PRIOR_ATTR not in system_attrs:
        return spec.prior
    try:
        return _PRIOR.validate_python(system_attrs[CHOSEN_PRIOR_ATTR], extra="ignore")
    except ValidationError:
        return spec.prior


def priors_of(spec: StudySpec, system_attrs: Mapping[str, Any]) -> dict[str, RatePrior]:
    """The study's priors by optimizer; `""`: whatever the optimizer. Empty where it has none.

    What is usual gives way to a range test of the study's own."""
    prior = prior_of(spec, system_attrs)
    if isinstance(prior, GivenPrior):
        given = prior.learning_rate
        told = f"the study's own prior has its median at {given.median:.3g}"
        return {"": RatePrior(given.median, given.spread_decades, told)}
    if prior == "none":
        return {}
    kept = system_attrs.get(PRIOR_ATTR)
    found = {name: _read(fields) for name, fields in kept.items()} if isinstance(kept, dict) else {}
    tested = tested_rate(system_attrs) is not None
    return {name: prior for name, prior in found.items() if prior is not None and not (prior.usual and tested)}


def tested_rate(system_attrs: Mapping[str, Any]) -> float | None:
    """The rate that the study's range tests recommend; None where there is none that can be read."""
    return _positive(system_attrs.get(RANGE_TEST_ATTR))


def _read(fields: Any) -> RatePrior | None:
    if not isinstance(fields, dict):
        return None
    median, spread, told = _positive(fields.get("median")), _positive(fields.get("spread_decades")), fields.get("told")
    if median is None or spread is None or not isinstance(told, str):
        return None
    return RatePrior(median, spread, told, usual=fields.get("usual") is True)


def _positive(kept: object) -> float | None:
    """A finite number above 0; None for what another program put in its place."""
    is_number = isinstance(kept, int | float) and not isinstance(kept, bool)
    return float(kept) if is_number and 0 < kept <= _LARGEST else None  # type: ignore[operator, arg-type]


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
    tested = tested_rate(system_attrs)
    centres = tuple(prior.median for prior in priors.values())
    decades = max((prior.spread_decades for prior in priors.values()), default=_RANGE_TEST_DECADES)
    if tested is not None:
        decades = _FUSED_DECADES if centres else _RANGE_TEST_DECADES
        centres = tuple(math.sqrt(centre) * math.sqrt(tested) for centre in centres) or (tested,)
    if not centres:
        return None
    return _quantiles_around(centres, float(parameter.low), float(parameter.high), decades)


@lru_cache(maxsize=256)
def _quantiles_around(centres: tuple[float, ...], low: float, high: float, decades: float) -> tuple[float, ...]:
    return tuple(quantiles_around(centres, low, high, decades=decades).tolist())
