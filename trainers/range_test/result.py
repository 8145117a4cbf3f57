"""What a range test has measured, and what it says."""

from collections.abc import Sequence
from dataclasses import dataclass

from lrtune.service.rates.range_test.analysis import RangeTestAnalysis, analyse, combine
from lrtune.service.wire.cards import range_test_card


@dataclass(frozen=True)
class RangeTest:
    """What was measured, and what it says."""

    learning_rates: tuple[float, ...]
    """The optimizer's base rate at each step, [steps]; other groups keep their ratio to it."""
    losses: tuple[tuple[float, ...], ...]
    """For each seed the training loss at each step, up to where the test stopped; non-finite where it diverged."""
    seeds: tuple[int, ...]
    by_seed: tuple[RangeTestAnalysis, ...]
    analysis: RangeTestAnalysis
    """The middle of all seeds."""

    def _repr_html_(self) -> str:
        """For notebooks."""
        return range_test_card(self.analysis, self.analysis.suggestions)

    @classmethod
    def of(
        cls, learning_rates: Sequence[float], losses: Sequence[Sequence[float]], seeds: Sequence[int]
    ) -> "RangeTest":
        """The answer from one curve a seed."""
        by_seed = tuple(analyse(learning_rates[: len(curve)], curve) for curve in losses)
        curves = tuple(tuple(curve) for curve in losses)
        return cls(tuple(learning_rates), curves, tuple(seeds), by_seed, combine(by_seed))
