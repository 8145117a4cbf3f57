"""Schedules among the parameters of a trial."""

from typing import Any

import pytest

from lrtune.service.rates.schedules import ScheduleError, read_schedule, schedule_from_params


@pytest.mark.parametrize(
    ("params", "form"),
    [
        ({"schedule": "cosine", "learning_rate": 0.1}, "cosine"),
        (
            {"schedule": "step", "schedule.gamma": 0.5, "schedule.step_size": 9},
            {"name": "step", "gamma": 0.5, "decay_steps": 9},
        ),
        ({"schedule": "wsd", "schedule.wsd.decay_fraction": 0.3}, {"name": "wsd", "decay_fraction": 0.3}),
        ({"schedule": "cosine", "schedule.wsd.decay_fraction": 0.3}, "cosine"),
        ({"schedule": "linear", "schedule.warmup_fraction": 0.1}, {"name": "linear", "warmup_fraction": 0.1}),
    ],
)
def test_the_sampled_schedule_is_read(params: dict[str, Any], form: Any) -> None:
    assert schedule_from_params(params) == read_schedule(form)


@pytest.mark.parametrize("params", [{}, {"learning_rate": 0.1, "scheduler": "x"}, {"schedule": None}])
def test_without_a_schedule_there_is_none(params: dict[str, Any]) -> None:
    assert schedule_from_params(params) is None


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"schedule.gamma": 0.9}, "schedule: is missing beside schedule.gamma"),
        ({"schedule": "cosin"}, "did you mean 'cosine'"),
        ({"schedule": "cosine", "schedule.gamma": 0.9}, "schedule.gamma: cosine has no parameter"),
        ({"schedule": "step", "schedule.stp.gamma": 0.9}, "there is no schedule 'stp'"),
        ({"schedule": "step", "schedule.gamma": 0.9, "schedule.step.gamma": 0.9}, "is given twice"),
        ({"schedule": "step", "schedule.gamma": -1.0}, "schedule.gamma: must be greater than 0"),
    ],
)
def test_parameters_that_cannot_be_right_are_named(params: dict[str, Any], words: str) -> None:
    with pytest.raises(ScheduleError) as refused:
        schedule_from_params(params)
    assert words in str(refused.value)
