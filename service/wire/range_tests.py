"""Range tests, as they are sent and shown."""

from itertools import pairwise
from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator

from lrtune.service.wire.base import WHOLE, Body, Finite, Interval, Loss, Page, Reply, Storable, Time
from lrtune.service.wire.bounded import Bounded
from lrtune.service.wire.cards import range_test_card

MOST_POINTS = 10_000
MOST_SEEDS = 20
MOST_TESTS = 1_000
"""A study keeps so many range tests."""

LearningRate = Annotated[float, Field(gt=0, allow_inf_nan=False)]
"""Finite and > 0."""
_TestedRate = Annotated[LearningRate, Field(json_schema_extra={"exclusiveMinimum": 1e-100, "exclusiveMaximum": 1e100})]
"""What the analysis takes; it says so itself of the first that is beyond."""

Losses = Annotated[list[Loss], Field(min_length=1), Bounded(MOST_POINTS)]


class RangeTestBody(Body):
    """The body of `POST /v1/range-tests`."""

    learning_rates: Annotated[list[_TestedRate], Field(min_length=1), Bounded(MOST_POINTS)]
    """Rising; one a step."""
    losses: Losses
    """One for each rate, non-finite where the test diverged."""
    other_seeds: Annotated[list[Losses], Bounded(MOST_SEEDS - 1)] = Field(default_factory=list)
    """The losses of further seeds at the same rates, each as long as its test went."""
    smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """Of the moving average over the running median of the losses."""
    batch_size: Annotated[int, Field(ge=1, le=2**31 - 1), WHOLE] | None = None

    @field_validator("learning_rates")
    @classmethod
    def _rising(cls, rates: list[float]) -> list[float]:
        for index, (rate, following) in enumerate(pairwise(rates)):
            if following <= rate:
                raise ValueError(f"must rise, but number {index + 1} is {following:g} after {rate:g}")
        return rates

    @field_validator("losses")
    @classmethod
    def _one_for_each_rate(cls, losses: list[float], info: ValidationInfo) -> list[float]:
        rates = info.data.get("learning_rates")
        if rates is not None and len(losses) != len(rates):
            raise ValueError(f"must be one for each of learning_rates: {len(losses)} losses, {len(rates)} rates")
        return losses

    @field_validator("other_seeds")
    @classmethod
    def _no_longer(cls, seeds: list[list[float]], info: ValidationInfo) -> list[list[float]]:
        rates = info.data.get("learning_rates")
        longest = max((len(losses) for losses in seeds), default=0)
        if rates is not None and longest > len(rates):
            raise ValueError(f"must have no more losses than there are rates: {longest} losses, {len(rates)} rates")
        points = sum(len(losses) for losses in seeds) + len(info.data.get("losses", ()))
        if points > MOST_POINTS:
            raise ValueError(f"must bring all losses to no more than {MOST_POINTS}, not {points}: leave some steps out")
        return seeds

    @property
    def of_seeds(self) -> list[list[float]]:
        """The losses of each seed."""
        return [self.losses, *self.other_seeds]


class NewRangeTest(RangeTestBody):
    """The body of `POST /v1/studies/{study}/range-tests`."""

    optimizer: Annotated[Storable, Field(min_length=1, max_length=100)] | None = None
    """What was tested; where the study searches `optimizer`, one of its choices: the test speaks for that alone."""
    request_id: Annotated[Storable, Field(min_length=1, max_length=100)] | None = None
    """The same id gets the same range test again: repeat it when a reply was lost."""


class RuleRates(Reply):
    """What each rule reads off the curve; null where the loss does not fall."""

    valley: Finite | None
    """The middle of the longest decreasing subsequence."""
    steepest: Finite | None
    """Where dL/d log lr is lowest, left of the minimum."""
    slide: Finite | None
    """fastai's interval rule."""
    minimum_over_10: Finite | None
    """A tenth of the rate of the minimum."""


class RangeTestFindings(Reply):
    """What a range test says, its curve aside."""

    suggestions: RuleRates
    recommended: Finite | None
    """Null where there is no signal."""
    bounds: Interval | None
    """From where the loss begins to fall to its minimum; null where it does not fall."""
    diverged_at: Finite | None
    """Null where the test ended before it diverged."""
    signal: bool
    reason: str
    """Why there is a signal or none, with the numbers, in whole sentences."""
    still_falling_at: Finite | None = None
    """The last rate, where the loss still falls there: better rates may lie above."""
    rising_from: Finite | None = None
    """The first rate, where the loss rises or diverges from there: better rates lie below."""
    warnings: list[str] = Field(default_factory=list)
    """What to do about the two, in whole sentences."""

    def _repr_html_(self) -> str:
        """For notebooks; asks nobody."""
        return range_test_card(self, self.suggestions.model_dump())


class RangeTest(RangeTestFindings):
    """The reply of `POST /v1/range-tests`."""

    smoothed: list[Finite]
    """The debiased moving average, up to the stop; of several seeds, their median."""


class KeptRangeTest(RangeTestFindings):
    """A range test of a study, as it is listed."""

    number: int
    """Counts the study's range tests from 0."""
    batch_size: int | None
    optimizer: str | None
    smoothing: float
    seeds: int
    created_at: Time


class RangeTestCurve(Reply):
    """The curve of a kept range test."""

    learning_rates: list[Finite]
    losses: list[list[Loss]]
    """Of each seed."""
    smoothed: list[Finite]


class KeptRangeTestWithCurve(KeptRangeTest, RangeTestCurve):
    """A range test of a study with its curve."""


class RangeTestPage(Page[KeptRangeTest]):
    """A page of range tests, by number."""
