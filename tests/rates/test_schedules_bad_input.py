"""Schedules that cannot be right: refused with the name of the field and what would be right."""

import math
from typing import Any

import pytest

from lrtune.service.rates.schedules import ScheduleError, preview, rate_function, read_schedule
from tests.rates.schedules import Json


def join(*schedules: Any, milestones: Any) -> Json:
    return {"name": "join", "schedules": list(schedules), "milestones": milestones}


UNREADABLE: list[tuple[Any, str, str]] = [
    ("cosin", "schedule.name", "did you mean 'cosine'? use one of constant, step"),
    ({}, "schedule.name", "is missing: use one of"),
    ({"name": 3}, "schedule.name", "use one of"),
    ({"name": ["cosine"]}, "schedule.name", "use one of"),
    (None, "schedule", "names are constant"),
    (["cosine"], "schedule", "names are constant"),
    ({"name": "step", "gama": 0.1}, "schedule.gama", "did you mean 'gamma'? it takes lr, "),
    ({"name": "constant", "gamma": 0.1}, "schedule.gamma", "constant has no parameter 'gamma'; it takes lr, "),
    ({"name": "default", "lr": 0.1}, "schedule.lr", "it takes none"),
    ({"name": "cosine", "T_maxx": 5}, "schedule.T_maxx", "did you mean 'T_max'?"),
    ({"name": "cosine", "T_max": 5, "decay_steps": 5}, "schedule.T_max", "T_max and decay_steps are the same"),
    ({"name": "cosine", "T_max": 5, "total_steps": 5}, "schedule.total_steps", "total_steps and T_max are the same"),
    ({"name": "one_cycle", "max_lr": 1.0, "learning_rate": 1.0}, "schedule.learning_rate", "are the same"),
    ({"name": "exponential", "gamma": 0.9, "k": 0.1}, "schedule", "gamma and k say the same in two ways"),
    ({"name": "cosine", "min_lr": 0.1, "min_lr_factor": 0.1}, "schedule", "min_lr and min_lr_factor say the same"),
    ({"name": "cosine", "warmup_steps": 1, "warmup_fraction": 0.1}, "schedule", "give one of them"),
    ({"name": "wsd", "decay_steps": 1, "decay_fraction": 0.1}, "schedule", "give one of them"),
    ({"name": "cosine_restarts", "T_0": 1, "num_cycles": 2}, "schedule", "give one of them"),
    ({"name": "cyclical", "step_size_up": 1, "num_cycles": 2}, "schedule", "give one of them"),
    ({"name": "cyclical", "step_size_down": 1}, "schedule", "step_size_down needs step_size_up"),
    ({"name": "cyclical", "gamma": 0.9}, "schedule", "gamma belongs to mode"),
    ({"name": "cyclical", "base_lr": 0.2, "max_lr": 0.1}, "schedule", "must be at most lr"),
    ({"name": "cyclical", "cycle_momentum": False}, "schedule.cycle_momentum", "leave momentum to the optimizer"),
    ({"name": "one_cycle", "epochs": 3}, "schedule.epochs", "epochs × steps"),
    ({"name": "linear", "start_factor": 0.1}, "schedule.start_factor", "warmup"),
    ({"name": "one_cycle", "three_phase": True, "pct_start": 0.6}, "schedule", "pct_start must be at most 0.5"),
    ({"name": "multistep", "milestones": [30, 20]}, "schedule.milestones", "20 follows 30: write [20, 30]"),
    ({"name": "multistep", "milestones": [20, 20]}, "schedule.milestones", "write [20]"),
    ({"name": "multistep", "milestones": []}, "schedule.milestones", "must not be empty"),
    ({"name": "multistep", "milestones": [0, 5]}, "schedule.milestones.0", "must be at least 1"),
    ({"name": "cosine", "lr": 0}, "schedule.lr", "greater than 0"),
    ({"name": "cosine", "lr": -0.1}, "schedule.lr", "greater than 0"),
    ({"name": "cosine", "lr": math.nan}, "schedule.lr", "must be a finite number"),
    ({"name": "cosine", "lr": math.inf}, "schedule.lr", "must be a finite number"),
    ({"name": "cosine", "lr": "0.1"}, "schedule.lr", "must be a number"),
    ({"name": "cosine", "lr": True}, "schedule.lr", "must be a number"),
    ({"name": "cosine", "min_lr": -1e-9}, "schedule.min_lr", "must be at least 0"),
    ({"name": "cosine", "min_lr": 0.2, "lr": 0.1}, "schedule", "min_lr must be at most lr (0.1)"),
    ({"name": "cosine", "T_max": 0}, "schedule.T_max", "must be at least 1"),
    ({"name": "cosine", "T_max": 1.5}, "schedule.T_max", "must be a whole number (an integer)"),
    ({"name": "cosine_restarts", "T_0": 5, "T_mult": 2.5}, "schedule.T_mult", "must be a whole number (an integer)"),
    ({"name": "step", "step_size": "3"}, "schedule.step_size", "must be a whole number (an integer)"),
    ({"name": "cosine", "eta_min": -1}, "schedule.eta_min", "must be at least 0"),
    (
        {"name": "warmup", "total_iters": 5, "then": {"name": "cosine", "eta_min": "a"}},
        "schedule.then.eta_min",
        "must be a number",
    ),
    ({"name": "join", "schedulers": [{"name": "cosin"}], "milestones": []}, "schedule.schedulers.0.name", "cosine"),
    ({"name": "step", "gamma": 0}, "schedule.gamma", "greater than 0"),
    ({"name": "step", "gamma": math.inf}, "schedule.gamma", "finite"),
    ({"name": "plateau", "factor": 1.0}, "schedule.factor", "less than 1"),
    ({"name": "wsd", "decay": "sqrt"}, "schedule.decay", "'linear', 'cosine' or '1-sqrt'"),
    ({"name": "warmup", "steps": 5}, "schedule.then", "is missing"),
    ({"name": "warmup", "steps": 5, "then": {"name": "step", "gama": 1}}, "schedule.then.gama", "did you mean"),
    (join("cosine", "linear", milestones=[]), "schedule", "2 schedules need 1 milestones"),
    (join("cosine", "linear", "wsd", milestones=[9, 3]), "schedule.milestones", "write [3, 9]"),
    (join("cosine", {"name": "step", "lr": -1}, milestones=[9]), "schedule.schedules.1.lr", "greater than 0"),
    (join(milestones=[]), "schedule.schedules", "must not be empty"),
]


@pytest.mark.parametrize(("form", "place", "words"), UNREADABLE, ids=[str(case[0]) for case in UNREADABLE])
def test_what_cannot_be_a_schedule_is_refused_by_name(form: Any, place: str, words: str) -> None:
    with pytest.raises(ScheduleError) as refused:
        read_schedule(form)
    assert ".".join(str(part) for part in refused.value.loc) == place
    assert words in str(refused.value)


UNFIT: list[tuple[Any, Any, Any, str, str]] = [
    ("cosine", 0.1, 0, "total_steps", "at least 1, but it is 0"),
    ("cosine", 0.1, -5, "total_steps", "at least 1"),
    ("cosine", 0.1, 10.5, "total_steps", "a whole number"),
    ("cosine", 0.1, True, "total_steps", "a whole number"),
    ("cosine", 0.0, 10, "base_learning_rate", "a finite number > 0, but it is 0.0"),
    ("cosine", -0.1, 10, "base_learning_rate", "a finite number > 0"),
    ("cosine", math.nan, 10, "base_learning_rate", "a finite number > 0"),
    ("cosine", math.inf, 10, "base_learning_rate", "a finite number > 0"),
    ("cosine", "0.1", 10, "base_learning_rate", "a finite number > 0"),
    ({"name": "cosine", "warmup_steps": 11}, 0.1, 10, "schedule.warmup_steps", "at most 9, but it is 11"),
    ({"name": "cosine", "warmup_steps": 10}, 0.1, 10, "schedule.warmup_steps", "at most 9, but it is 10"),
    ({"name": "warmup", "steps": 10, "then": "cosine"}, 0.1, 10, "schedule.steps", "at most 9"),
    ({"name": "wsd", "warmup_steps": 6, "decay_steps": 5}, 0.1, 10, "schedule.decay_steps", "6 + 0 + 5 steps"),
    (
        {"name": "wsd", "warmup_steps": 3, "stable_steps": 3, "decay_steps": 5},
        0.1,
        10,
        "schedule.decay_steps",
        "overlap",
    ),
    ({"name": "wsd", "warmup_fraction": 0.6, "decay_fraction": 0.5}, 0.1, 10, "schedule.decay_steps", "overlap"),
    ({"name": "linear", "min_lr": 0.2}, 0.1, 10, "schedule.min_lr", "must be at most the learning rate 0.1"),
    ({"name": "cyclical", "base_lr": 0.2}, 0.1, 10, "schedule.min_lr", "must be at most the learning rate 0.1"),
    ({"name": "plateau", "min_lr": 0.2}, 0.1, 10, "schedule.min_lr", "must be at most the learning rate 0.1"),
    (join("cosine", "linear", milestones=[10]), 0.1, 10, "schedule.milestones", "10 must be less than 10"),
    (
        join("cosine", {"name": "warmup", "steps": 9, "then": "cosine"}, milestones=[5]),
        0.1,
        10,
        "schedule.schedules.1.steps",
        "at most 4, but it is 9",
    ),
    ("cosine", 0.1, None, "schedule.decay_steps", "give it, or total_steps"),
    ("exponential", 0.1, None, "schedule.gamma", "give it, or total_steps"),
]


@pytest.mark.parametrize(("form", "rate", "total", "place", "words"), UNFIT)
def test_what_does_not_fit_the_training_is_refused_by_name(
    form: Any, rate: Any, total: Any, place: str, words: str
) -> None:
    with pytest.raises(ScheduleError) as refused:
        rate_function(read_schedule(form), base_learning_rate=rate, total_steps=total)
    assert ".".join(str(part) for part in refused.value.loc) == place
    assert words in str(refused.value)


def nested(depth: int) -> Any:
    form: Any = "cosine"
    for _ in range(depth):
        form = {"name": "warmup", "steps": 1, "then": form}
    return form


@pytest.mark.parametrize("depth", [8, 50, 5000])
def test_deep_nesting_is_refused(depth: int) -> None:
    with pytest.raises(ScheduleError, match="nested 8 deep at most"):
        read_schedule(nested(depth))
    assert read_schedule(nested(7)).name == "warmup"


def test_metrics_for_a_schedule_that_takes_none_are_refused() -> None:
    with pytest.raises(ScheduleError, match="metrics: only plateau goes by metrics"):
        preview(read_schedule("cosine"), base_learning_rate=0.1, total_steps=9, metrics=[1.0])
