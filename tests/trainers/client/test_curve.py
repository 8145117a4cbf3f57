"""What a training script reports, where that is odd: it is told, and does not stand in the curve."""

import math
import warnings

import pytest

from lrtune import Client, InvalidReport, LrtuneWarning
from tests.fake_service import FakeService


def test_of_a_step_that_is_reported_again_the_first_value_counts_and_that_is_said_once(
    client: Client, service: FakeService
) -> None:
    with warnings.catch_warnings(record=True) as caught, next(client.study("s").leases()) as trial:
        warnings.simplefilter("always")
        for value in (0.5, 0.4, 0.3):
            trial.report(1, value)
    told = [(str(one.message), one.filename) for one in caught if one.category is LrtuneWarning]
    again = "step 1 of trial 0 was reported again, as 0.4 after 0.5: the first counts; report each step once, "
    assert told == [(f"{again}a mean over its batches say", __file__)]
    assert trial.curve == [(1, 0.5)]
    assert service.bodies("/result")[0]["value"] == 0.5


def test_the_value_of_a_trial_is_that_of_its_highest_step(client: Client, service: FakeService) -> None:
    with next(client.study("s").leases()) as trial:
        trial.report(2, 0.5)
        trial.report(1, 0.4)
        assert trial.last_step == 2
    assert service.bodies("/result")[0]["value"] == 0.5


def test_the_same_report_again_is_none_to_speak_of(client: Client) -> None:
    with warnings.catch_warnings(), next(client.study("s").leases()) as trial:
        warnings.simplefilter("error")
        trial.report(1, 0.5)
        trial.report(1, 0.5)
        trial.report(2, math.nan)
        trial.report(2, math.nan)


def test_a_step_beyond_the_last_is_refused_with_the_remedy_before_it_is_sent(
    client: Client, service: FakeService
) -> None:
    with next(client.study("s").leases()) as trial:
        trial.report(3, 0.5)
        with pytest.raises(InvalidReport, match=r"step 4 is beyond the 3 steps of trial 0: .*epochs=trial\.max_steps"):
            trial.report(4, 0.4)
        with pytest.raises(InvalidReport, match="step 5 is beyond"):
            trial.report_all([(3, 0.5), (5, 0.4)])
    assert [body["reports"] for body in service.bodies("/reports")] == [[{"step": 3, "value": 0.5}]]


@pytest.mark.parametrize(
    ("steps", "warned"), [((0, 1, 2), True), ((1, 2, 3), False), ((0, 1, 2, 3), False), ((0, 1), False)]
)
def test_steps_that_were_counted_from_zero_are_noticed(client: Client, steps: tuple[int, ...], warned: bool) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with next(client.study("s").leases()) as trial:
            for step in steps:
                trial.report(step, 0.5)
    told = [str(one.message) for one in caught if one.category is LrtuneWarning]
    expected = (
        "steps 0 to 2 were reported of 3: steps are counted from 1, and 0 is before the first; report(step + 1, …)"
    )
    assert told == ([expected] if warned else [])
