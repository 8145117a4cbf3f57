"""A study's range tests as evidence from before its first complete trial."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from lrtune.service.sentences import beforehand as sentences
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
    told: tuple[str, ...]
    """Sentences."""


def optimizer_tested(tests: Sequence[KeptRangeTest]) -> str | None:
    """The optimizer of the latest range test that has a signal; None where it was not said."""
    return next((test.optimizer for test in reversed(tests) if test.signal), None)


def prior(tests: Sequence[KeptRangeTest], optimizer: str | None, stable: float | None) -> Prior | None:
    """The geometric median of what the range tests of `optimizer`, or of none in particular, recommend; not above
    `stable`, the largest rate at which trials train. None where no test has a signal."""
    fitting = [test for test in tests if test.signal and (test.optimizer or optimizer) == optimizer]
    rates = [test.recommended for test in fitting if test.recommended is not None]
    if not rates:
        return None
    rate = math.exp(median(math.log(rate) for rate in rates))
    edges = [test.diverged_at for test in fitting if test.diverged_at is not None]
    edge = median(edges) if edges else None
    told = [sentences.tested(len(rates), rate, edge)]
    if stable is not None and stable < rate:
        told.append(sentences.kept_stable(stable))
        rate = stable
    ends = [rate * SPREAD, *(max(rate, limit) for limit in (edge, stable) if limit is not None)]
    return Prior(rate, (rate / SPREAD, min(ends)), stable if stable is not None else edge, tuple(told))
