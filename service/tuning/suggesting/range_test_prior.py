"""A study's range tests as evidence from before its first complete trial."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from lrtune.service.tuning.auto.surrogate.stability import StabilityModel
from lrtune.service.wire.range_tests import KeptRangeTest

SPREAD = 10.0
"""The interval around the recommended rate, a factor to each side. On 32 small trainings with 5 range tests each, a
rate that came within 1.1 times the best loss lay inside it in four cases of five."""


@dataclass(frozen=True)
class Prior:
    """What a study's range tests say before its first complete trial."""

    rate: float
    interval: tuple[float, float]
    largest_stable: float | None
    told: str


def optimizer_tested(tests: Sequence[KeptRangeTest]) -> str | None:
    """The optimizer of the latest range test that has a signal; None where it was not said."""
    return next((test.optimizer for test in reversed(tests) if test.signal), None)


def prior(tests: Sequence[KeptRangeTest], optimizer: str | None, stability: StabilityModel | None) -> Prior | None:
    """The geometric median of what the range tests of `optimizer`, or of none in particular, recommend; below the
    rates at which trials diverged. None where no test has a signal."""
    fitting = [test for test in tests if test.signal and (test.optimizer or optimizer) == optimizer]
    rates = [test.recommended for test in fitting if test.recommended is not None]
    if not rates:
        return None
    rate = math.exp(median(math.log(rate) for rate in rates))
    many = len(rates) > 1
    told = f"{len(rates)} range test{'s recommend' if many else ' recommends'} {rate:.2g}"
    edges = [test.diverged_at for test in fitting if test.diverged_at is not None]
    edge = median(edges) if edges else None
    if edge is not None:
        told += f" and {'they diverge' if many else 'it diverged'} at {edge:.2g}"
    stable = stability.largest_stable({}) if stability is not None else None
    if stable is not None and stable < rate:
        told += f", but trials diverge above about {stable:.2g}"
        rate = stable
    ends = [rate * SPREAD, *(max(rate, limit) for limit in (edge, stable) if limit is not None)]
    return Prior(rate, (rate / SPREAD, min(ends)), stable if stable is not None else edge, told)
