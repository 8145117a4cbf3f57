"""What is said of a schedule is what its rates do."""

from typing import Any

import pytest

from lrtune.service.rates.schedules import preview, read_schedule
from lrtune.service.rates.schedules.course import Course, course
from lrtune.service.rates.schedules.told import told


def _course(form: Any, total_steps: int = 100, points: int | None = None) -> Course:
    found = preview(read_schedule(form), base_learning_rate=0.1, total_steps=total_steps, points=points)
    return course(found.steps, found.learning_rates, total_steps)


def test_the_docstrings_example_is_true() -> None:
    found = course(range(8), [1, 2, 3, 2, 1, 3, 0.02, 0.02], 8)
    assert (found.warmup_steps, found.restarts, found.dead_from, found.peak_step) == (2, (5,), 6, 2)


def test_a_rate_below_a_hundredth_of_the_peak_for_the_rest_is_dead() -> None:
    found = _course({"name": "multistep", "milestones": [10, 30], "gamma": 0.05})
    assert found.dead_from == 30
    assert found.drops == (10, 30)
    said = told(found)
    assert "The rate is dead from step 30: below 1 % of the peak for the last 70 % of the training." in said
    assert "dead from epoch 3:" in told(found, steps_per_epoch=10)


def test_a_low_valley_is_not_dead_while_the_rate_comes_back() -> None:
    found = _course({"name": "cosine_restarts", "decay_steps": 50})
    assert found.restarts == (50,)
    assert found.dead_from is not None
    assert found.dead_from > 90
    assert "It restarts at step 50." in told(found)


@pytest.mark.parametrize("steps", [1, 7, 12])
def test_a_warm_up_is_told_with_its_share(steps: int) -> None:
    found = _course({"name": "cosine", "warmup_steps": steps})
    assert found.warmup_steps == steps
    assert f"Warm-up takes {steps} % ({steps} step{'s' if steps > 1 else ''} of 100)" in told(found)


def test_steps_down_are_drops_and_a_curve_has_none() -> None:
    assert _course({"name": "step", "decay_steps": 30}).drops == (30, 60, 90)
    assert "It drops at step 30, 60 and 90." in told(_course({"name": "step", "decay_steps": 30}))
    for smooth in ("cosine", "linear", "exponential", "inverse_sqrt", "one_cycle", "wsd"):
        assert _course(smooth).drops == (), smooth


def test_of_many_restarts_a_few_are_told_and_the_rest_counted() -> None:
    found = _course({"name": "cosine_restarts", "decay_steps": 10})
    assert found.restarts == (10, 20, 30, 40, 50)
    assert found.all_restarts == 9
    assert "at step 10, 20, 30, 40, 50 and 4 more" in told(found)


def test_a_triangle_restarts_where_it_turns_up_again() -> None:
    assert _course({"name": "cyclical", "step_size_up": 10}).restarts == (20, 40, 60, 80)


def test_a_constant_rate_and_a_plateau_are_told_as_such() -> None:
    assert told(_course("constant")) == "The rate is 0.1 from the first step to the last."
    assert "metric" in told(_course("plateau"), takes_metrics=True)


def test_a_long_training_is_told_in_about_steps() -> None:
    found = _course({"name": "step", "decay_steps": 10**6, "gamma": 0.001}, 2 * 10**6, points=20_001)
    assert not found.exact
    assert found.dead_from == pytest.approx(10**6, rel=1e-3)
    assert "dead from about step 1000" in told(found)


def test_one_step_is_a_training_too() -> None:
    assert told(_course("cosine", 1)) == "The rate is 0.1 from the first step to the last."


def test_a_rate_that_only_rises_is_no_warm_up() -> None:
    assert told(_course({"name": "exponential", "gamma": 1.05})).startswith("The rate rises all the way, from 0.1 to")
