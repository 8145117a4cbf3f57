"""What every schedule promises, and what each is pinned to."""

import copy
import math
import pickle
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lrtune.service.rates.schedules import RunningSchedule, default_schedule, preview, rate_function, read_schedule
from lrtune.service.rates.schedules.cycles import cycle_of
from lrtune.service.wire.schedules import SCHEDULES, schedule_adapter
from lrtune.service.wire.schedules.models import Linear, Wsd
from tests.rates.schedules import ANY_SCHEDULE, Json

PROPERTY = settings(max_examples=60, deadline=None, database=None, derandomize=True)


def rates(form: Any, steps: int, *, learning_rate: float = 1.0, total_steps: int | None = None) -> list[float]:
    function = rate_function(
        read_schedule(form), base_learning_rate=learning_rate, total_steps=steps if total_steps is None else total_steps
    )
    return [function(step) for step in range(steps)]


@PROPERTY
@given(form=ANY_SCHEDULE, learning_rate=st.floats(1e-300, 1e300), total=st.integers(40, 10**9), data=st.data())
def test_a_rate_is_finite_and_not_negative_at_any_step(
    form: Json, learning_rate: float, total: int, data: st.DataObject
) -> None:
    function = rate_function(read_schedule(form), base_learning_rate=learning_rate, total_steps=total)
    near = st.integers(0, 100) | st.integers(total - 3, total + 3)
    for step in data.draw(st.lists(near | st.integers(0, 10**400), max_size=20)):
        rate = function(step)
        assert math.isfinite(rate)
        assert rate >= 0


@PROPERTY
@given(form=ANY_SCHEDULE, total=st.integers(40, 200))
def test_the_json_form_reads_back_as_the_same_schedule(form: Json, total: int) -> None:
    schedule = read_schedule(form)
    again = schedule_adapter.validate_json(schedule_adapter.dump_json(schedule))
    assert again == schedule
    assert rates(again, 60, total_steps=total) == rates(form, 60, total_steps=total)


@PROPERTY
@given(form=ANY_SCHEDULE, total=st.integers(40, 200))
def test_a_rate_depends_on_the_step_alone(form: Json, total: int) -> None:
    function = rate_function(read_schedule(form), base_learning_rate=0.3, total_steps=total)
    forward = [function(step) for step in range(total)]
    assert [function(step) for step in reversed(range(total))] == forward[::-1]


@pytest.mark.parametrize("name", [name for name in SCHEDULES if name not in ("warmup", "join")])
@pytest.mark.parametrize("total", [1, 2, 3, 7, 1000])
def test_a_bare_name_is_a_schedule_for_a_training_of_any_length(name: str, total: int) -> None:
    found = rates(name, total, learning_rate=0.1)
    assert all(0 < rate <= 0.1 for rate in found)
    assert rates({"name": name}, total, learning_rate=0.1) == found


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("constant", [1, 1, 1, 1, 1, 1]),
        ({"name": "step", "decay_steps": 2, "gamma": 0.5}, [1, 1, 0.5, 0.5, 0.25, 0.25]),
        ({"name": "multistep", "milestones": [1, 3], "gamma": 0.5}, [1, 0.5, 0.5, 0.25, 0.25, 0.25]),
        ({"name": "exponential", "gamma": 0.5}, [1, 0.5, 0.25, 0.125, 0.0625, 0.03125]),
        ({"name": "exponential", "gamma": 0.25, "decay_steps": 2}, [1, 0.5, 0.25, 0.125, 0.0625, 0.03125]),
        (
            {"name": "exponential", "gamma": 0.25, "decay_steps": 2, "staircase": True},
            [1, 1, 0.25, 0.25, 1 / 16, 1 / 16],
        ),
        ({"name": "inverse_time", "k": 1}, [1, 1 / 2, 1 / 3, 1 / 4, 1 / 5, 1 / 6]),
        ("inverse_sqrt", [1, 2**-0.5, 3**-0.5, 0.5, 5**-0.5, 6**-0.5]),
        ({"name": "polynomial", "decay_steps": 4, "power": 2}, [1, 0.5625, 0.25, 0.0625, 0, 0]),
        ({"name": "linear", "decay_steps": 4, "min_lr": 0.2}, [1, 0.8, 0.6, 0.4, 0.2, 0.2]),
        ({"name": "linear", "decay_steps": 4, "min_lr_factor": 0.2}, [1, 0.8, 0.6, 0.4, 0.2, 0.2]),
        ({"name": "cosine", "decay_steps": 4}, [1, 0.5 + 8**-0.5, 0.5, 0.5 - 8**-0.5, 0, 0]),
        (
            {"name": "cosine_restarts", "decay_steps": 2, "multiplier": 2},
            [1, 0.5, 1, 0.5 + 8**-0.5, 0.5, 0.5 - 8**-0.5],
        ),
        ({"name": "cosine_restarts", "decay_steps": 2, "gamma": 0.5}, [1, 0.5, 0.5, 0.25, 0.25, 0.125]),
        ({"name": "cosine_restarts", "num_cycles": 3}, [1, 0.5, 1, 0.5, 1, 0.5]),
        ({"name": "cyclical", "min_lr": 0.2, "step_size_up": 2}, [0.2, 0.6, 1, 0.6, 0.2, 0.6]),
        ({"name": "cyclical", "min_lr": 0.2, "step_size_up": 1, "step_size_down": 2}, [0.2, 1, 0.6, 0.2, 1, 0.6]),
        ({"name": "cyclical", "min_lr": 0, "step_size_up": 1, "mode": "triangular2"}, [0, 1, 0, 0.5, 0, 0.25]),
        (
            {"name": "cyclical", "min_lr": 0, "step_size_up": 1, "mode": "exp_range", "gamma": 0.5},
            [0, 0.5, 0, 1 / 8, 0, 1 / 32],
        ),
        (
            {
                "name": "one_cycle",
                "total_steps": 5,
                "pct_start": 0.4,
                "div_factor": 10,
                "final_div_factor": 10,
                "anneal": "linear",
            },
            [0.1, 1, 0.67, 0.34, 0.01, 0.01],
        ),
        ({"name": "wsd", "warmup_steps": 1, "decay_steps": 4, "decay": "linear"}, [0.5, 1, 1, 0.75, 0.5, 0.25]),
        ({"name": "wsd", "warmup_steps": 0, "decay_steps": 4}, [1, 1, 1, 0.5, 1 - 0.5**0.5, 1 - 0.75**0.5]),
        (
            {"name": "wsd", "warmup_steps": 0, "stable_steps": 1, "decay_steps": 2, "decay": "linear"},
            [1, 1, 0.5, 0, 0, 0],
        ),
        ({"name": "warmup", "steps": 3, "then": "constant"}, [0.25, 0.5, 0.75, 1, 1, 1]),
        (
            {"name": "warmup", "steps": 2, "start_factor": 0.5, "kind": "cosine", "then": "constant"},
            [0.5, 0.75, 1, 1, 1, 1],
        ),
        (
            {"name": "join", "schedules": ["constant", {"name": "linear", "lr": 0.4}], "milestones": [2]},
            [1, 1, 0.4, 0.3, 0.2, 0.1],
        ),
        ({"name": "plateau", "lr": 0.5}, [0.5] * 6),
        ("default", [1, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6]),
    ],
    ids=str,
)
def test_a_worked_line_of_numbers(form: Any, expected: list[float]) -> None:
    assert rates(form, 6) == pytest.approx(expected, rel=1e-12, abs=1e-15)


def test_gamma_and_k_are_one_exponential() -> None:
    gamma = math.exp(-0.03)
    by_k = rates({"name": "exponential", "k": 0.03}, 500)
    assert by_k == pytest.approx(rates({"name": "exponential", "gamma": gamma}, 500), rel=1e-12)


def test_a_tenth_more_each_epoch_raises_the_rate_as_far_as_floats_go() -> None:
    function = rate_function(
        read_schedule({"name": "exponential", "gamma": 1.1}), base_learning_rate=1e-3, total_steps=9
    )
    assert function(3) == pytest.approx(1e-3 * 1.331, rel=1e-14)
    assert function(10**6) == function(10**400) > 1e300


@pytest.mark.parametrize("name", ["polynomial", "linear", "cosine", "one_cycle", "wsd"])
def test_past_the_end_the_rate_stays_where_it_ended(name: str) -> None:
    form = {"name": name} if name == "one_cycle" else {"name": name, "min_lr": 0.01}
    past = rates(form, 300, total_steps=100)[100:]
    assert set(past) == {1 / 25 / 1e4 if name == "one_cycle" else 0.01}


@pytest.mark.parametrize("multiplier", [2, 3, 10, 1000, 10**9])
def test_restarts_are_exact_where_logarithms_of_floats_pick_the_wrong_cycle(multiplier: int) -> None:
    start = 0
    for cycle in range(12):
        length = 5 * multiplier**cycle
        assert cycle_of(start, 5, multiplier) == (cycle, 0, length)
        assert cycle_of(start + length - 1, 5, multiplier) == (cycle, length - 1, length)
        start += length


def test_a_restart_is_at_the_whole_rate_and_the_step_before_it_nearly_at_the_lowest() -> None:
    form = {"name": "cosine_restarts", "T_0": 7, "T_mult": 10}
    function = rate_function(read_schedule(form), base_learning_rate=0.1, total_steps=10**9)
    for start in (7, 77, 777, 7_777, 7_777_777):
        assert function(start) == 0.1
        assert function(start - 1) < 0.01


@pytest.mark.parametrize("steps", [1, 2, 5, 10, 99])
@pytest.mark.parametrize("kind", ["linear", "cosine"])
def test_a_warmup_wastes_no_step_rises_and_meets_what_follows(steps: int, kind: str) -> None:
    for then in ("cosine", "one_cycle", "cyclical", "inverse_sqrt", "wsd"):
        form = {"name": "warmup", "steps": steps, "kind": kind, "then": then}
        found = rates(form, 200)
        following = rates(then, 1, total_steps=200 - steps)
        assert found[0] > 0
        assert found[: steps + 1] == sorted(set(found[: steps + 1]))
        assert found[steps] == following[0]


def test_warmup_steps_are_the_short_form_of_a_warmup() -> None:
    for name in ("cosine", "step", "join"):
        inner: Json = {"name": name}
        if name == "join":
            inner |= {"schedules": ["constant", "linear"], "milestones": [20]}
        nested = {"name": "warmup", "steps": 10, "kind": "cosine", "then": inner}
        assert rates({**inner, "warmup_steps": 10, "warmup_kind": "cosine"}, 60) == rates(nested, 60)
        assert rates({**inner, "warmup_fraction": 1 / 6, "warmup_kind": "cosine"}, 60) == rates(nested, 60)


def test_inverse_sqrt_is_continuous_at_the_end_of_its_warmup_and_goes_by_its_length() -> None:
    found = rates({"name": "inverse_sqrt", "warmup_steps": 100}, 500)
    assert found[99] == pytest.approx(100 / 101)
    assert found[100] == 1
    assert found[400] == pytest.approx(0.5)


@PROPERTY
@given(
    total=st.integers(1, 3000), pct=st.floats(0, 1), three=st.booleans(), anneal=st.sampled_from(["cosine", "linear"])
)
def test_one_cycle_ends_where_it_is_told_without_a_jump(total: int, pct: float, three: bool, anneal: str) -> None:
    form = {"name": "one_cycle", "pct_start": pct / 2 if three else pct, "three_phase": three, "anneal": anneal}
    found = rates(form, total + 3, total_steps=total)
    assert max(found) <= 1
    assert found[total - 1 :] == [found[total - 1]] * 4
    if form["pct_start"] < 1 and total > 1:
        assert found[total - 1] == pytest.approx(1 / 25 / 1e4, rel=1e-9)


def test_a_boundary_belongs_to_the_next_segment_and_each_has_its_own_clock() -> None:
    form = {"name": "join", "milestones": [30, 50], "schedules": ["cosine", {"name": "linear", "lr": 0.5}, "wsd"]}
    found = rates(form, 100)
    assert found[:30] == rates("cosine", 30)
    assert found[30:50] == rates("linear", 20, learning_rate=0.5)
    assert found[50:] == rates("wsd", 50)


def test_the_default_is_warmed_up_and_falls_to_zero_where_the_end_is_known() -> None:
    assert default_schedule(2000) == Linear(warmup_steps=100)
    assert default_schedule(10**6) == Linear(warmup_steps=1000)
    assert default_schedule(None) == Wsd(warmup_steps=100)
    found = rates("default", 2001, total_steps=2000)
    assert (found[0], found[100], found[2000]) == (pytest.approx(1 / 101), 1, 0)


def test_an_open_training_has_the_rates_of_the_one_that_it_becomes() -> None:
    schedule = read_schedule({"name": "wsd", "warmup_steps": 20, "decay_steps": 50})
    still_open = rate_function(schedule, base_learning_rate=0.1, total_steps=None)
    ended = rate_function(schedule, base_learning_rate=0.1, total_steps=300)
    assert [still_open(step) for step in range(251)] == [ended(step) for step in range(251)]
    assert ended(251) < still_open(251) == still_open(10**9) == 0.1


METRICS = [5.0, 4.0, 4.0, 4.0, 4.0, 3.0, 3.0, 3.0, 3.0, 3.0]


def test_a_plateau_is_left_after_more_than_its_patience() -> None:
    form = {"name": "plateau", "patience": 2, "factor": 0.1}
    found = preview(read_schedule(form), base_learning_rate=1.0, total_steps=11, metrics=METRICS)
    assert found.learning_rates == pytest.approx([1, 1, 1, 1, 1, 0.1, 0.1, 0.1, 0.1, 0.01, 0.01])
    without = preview(read_schedule(form), base_learning_rate=1.0, total_steps=11)
    assert without.learning_rates == (1.0,) * 11


def test_a_plateau_counts_from_where_its_segment_begins() -> None:
    form = {"name": "warmup", "steps": 2, "then": {"name": "plateau", "patience": 0, "gamma": 0.5}}
    found = preview(read_schedule(form), base_learning_rate=1.0, total_steps=6, metrics=[9.0, 9.0, 9.0, 9.0, 9.0])
    assert found.learning_rates == pytest.approx([1 / 3, 2 / 3, 1, 1, 0.5, 0.25])


def test_a_plateau_deep_within_others_sees_the_metrics_of_its_own_steps_only() -> None:
    inner = {
        "name": "join",
        "milestones": [2, 4],
        "schedules": ["constant", {"name": "plateau", "patience": 0}, "constant"],
    }
    form = {"name": "warmup", "steps": 1, "then": inner}
    running = RunningSchedule(read_schedule(form), base_learning_rate=1.0, total_steps=9)
    for step in range(9):
        running.observe(step, float(step))
        bad = int(step >= 4)
        assert running.rate(4) == pytest.approx(0.1**bad), step


def test_negative_metrics_that_get_worse_are_no_improvement() -> None:
    form = {"name": "plateau", "patience": 0, "gamma": 0.5, "threshold": 0.1}
    found = preview(read_schedule(form), base_learning_rate=1.0, total_steps=3, metrics=[-10.0, -9.5])
    assert found.learning_rates[-1] == 0.5


@PROPERTY
@given(metrics=st.lists(st.floats(), max_size=40), cut=st.integers(0, 40), form=ANY_SCHEDULE)
def test_a_running_schedule_goes_on_from_its_saved_state(metrics: list[float], cut: int, form: Json) -> None:
    whole = RunningSchedule(read_schedule(form), base_learning_rate=0.5, total_steps=50)
    for step, metric in enumerate(metrics):
        if step == cut:
            resumed = RunningSchedule(read_schedule(form), base_learning_rate=0.5, total_steps=50)
            resumed.load(whole.state())
            copied = copy.deepcopy(whole)
            pickled = pickle.loads(pickle.dumps(whole))
        whole.observe(step, metric)
        if step >= cut:
            for other in (resumed, copied, pickled):
                other.observe(step, metric)
                assert other.rate(step + 1) == whole.rate(step + 1)


@PROPERTY
@given(total=st.integers(40, 10**9), points=st.integers(2, 60), form=ANY_SCHEDULE)
def test_a_thinned_preview_holds_the_rates_of_its_steps(total: int, points: int, form: Json) -> None:
    schedule = read_schedule(form)
    found = preview(schedule, base_learning_rate=0.1, total_steps=total, points=points)
    assert len(found.steps) == len(found.learning_rates) == min(points, total)
    assert (found.steps[0], found.steps[-1]) == (0, total - 1)
    assert list(found.steps) == sorted(set(found.steps))
    function = rate_function(schedule, base_learning_rate=0.1, total_steps=total)
    assert found.learning_rates == tuple(function(step) for step in found.steps)


def test_a_negative_step_is_refused() -> None:
    with pytest.raises(ValueError, match="step must be at least 0"):
        rate_function(read_schedule("cosine"), base_learning_rate=0.1, total_steps=9)(-1)
