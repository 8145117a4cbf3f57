"""Every sampler and every pruner, over a mixed space with a condition."""

import logging
import math
import uuid
from typing import Any, get_args

import pytest

from lrtune.service.wire import methods
from tests.api.calls import Json, StudyCalls, assert_in_space
from tests.api.conftest import NewStudy

SPACE: Json = {
    "learning_rate": {"type": "float", "low": 1e-4, "high": 1.0, "log": True},
    "optimizer": {"type": "categorical", "choices": ["sgd", "adamw"]},
    "momentum": {"type": "float", "low": 0.0, "high": 0.9, "when": {"optimizer": ["sgd"]}},
    "width": {"type": "int", "low": 8, "high": 128, "log": True},
    "depth": {"type": "int", "low": 1, "high": 9, "step": 2},
    "amsgrad": {
        "type": "categorical",
        "choices": [True, False, None],
        "when": {"optimizer": ["adamw"], "depth": [1, 3]},
    },
}
UNCONDITIONAL = {name: parameter for name, parameter in SPACE.items() if "when" not in parameter}
IN_STEPS: Json = {
    **SPACE,
    "learning_rate": {"type": "float", "low": 0.1, "high": 0.5, "step": 0.1},
    "momentum": {"type": "float", "low": 0.0, "high": 0.9, "step": 0.45, "when": {"optimizer": ["sgd"]}},
}
SAMPLERS: dict[str, tuple[Json, Json]] = {
    "auto": ({}, SPACE),
    "tpe": ({"n_startup_trials": 4}, SPACE),
    "gp": ({"n_startup_trials": 3}, SPACE),
    "cmaes": ({}, SPACE),
    "qmc": ({"qmc_type": "halton"}, SPACE),
    "random": ({}, SPACE),
    "grid": ({"points": 3}, UNCONDITIONAL),
    "bruteforce": ({}, IN_STEPS),
}
PRUNERS: dict[str, Json] = {
    "auto": {},
    "median": {"n_startup_trials": 3},
    "percentile": {"percentile": 50.0, "n_startup_trials": 3},
    "asha": {},
    "hyperband": {},
    "patient": {"patience": 1, "wrapped": {"name": "median", "n_startup_trials": 3}},
    "threshold": {"upper": 5.0},
    "wilcoxon": {"p_threshold": 0.2},
    "none": {},
}


def _names(union: Any) -> set[str]:
    return {get_args(kind.model_fields["name"].annotation)[0] for kind in get_args(get_args(union)[0])}


def test_every_sampler_and_pruner_is_tried_here() -> None:
    assert SAMPLERS.keys() == _names(methods.Sampler)
    assert PRUNERS.keys() == _names(methods.Pruner)


def _loss(params: Json) -> float:
    return (math.log10(params["learning_rate"]) + 2) ** 2 + 1.0 / params["width"]


def _train(study: StudyCalls, trials: int) -> list[Json]:
    """Ask, report and finish; beyond a stability edge a training diverges."""
    trained = []
    for index in range(trials):
        trial = study.lease(request_id=uuid.uuid5(uuid.NAMESPACE_OID, str(index)).hex)
        trained.append(trial["params"])
        if trial["params"]["learning_rate"] > 0.35:
            assert study.verdict(trial, (1, "nan"))["reason"] == "diverged"
            study.finish(trial, "diverged")
            continue
        study.verdict(trial, (1, 1 + _loss(trial["params"])))
        study.finish(trial, value=_loss(trial["params"]))
    return trained


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_sampler_stays_in_the_space_respects_conditions_and_repeats_itself(
    new_study: NewStudy, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    options, space = SAMPLERS[name]
    spec = {"search_space": space, "sampler": {"name": name, "seed": 7, **options}, "pruner": {"name": "none"}}
    spec["prior"] = "none"  # Other tests' studies would be remembered.
    count = 5 if name == "gp" else 9  # Each of its draws after the third takes a second.
    study = new_study(**spec, max_trials=count)
    with caplog.at_level(logging.ERROR):
        trained = _train(study, count)
        assert _train(new_study(**spec), count) == trained
    assert not caplog.records, "a draw failed and was made at random"
    for params in trained:
        assert_in_space(space, params)
    assert len({str(params) for params in trained}) > 1
    assert study.ask().json()["reason"] == "max_trials"
    status = study.get("/status")
    assert status["trials"]["complete"] + status["trials"]["diverged"] == count
    assert status["best"]["value"] == min(_loss(params) for params in trained if params["learning_rate"] <= 0.35)


def test_another_seed_draws_other_parameters(new_study: NewStudy) -> None:
    first, second = (
        [new_study(sampler={"name": name, "seed": seed}).lease()["params"] for name in SAMPLERS if name != "bruteforce"]
        for seed in (1, 2)
    )
    assert all(one != other for one, other in zip(first, second, strict=True))


@pytest.mark.parametrize("space_name", ["learning rate chosen", "learning rate counted"])
def test_what_depends_on_a_learning_rate_is_drawn_after_it(new_study: NewStudy, space_name: str) -> None:
    rate: Json = {"type": "categorical", "choices": [0.1, 0.01]}
    values: list[float] = [0.1]
    if space_name == "learning rate counted":
        rate, values = {"type": "int", "low": 1, "high": 2}, [1]
    space = {
        "nested": {"type": "int", "low": 1, "high": 3, "when": {"warmup": [True]}},
        "warmup": {"type": "categorical", "choices": [True, False], "when": {"lr": values}},
        "lr": rate,
    }
    study = new_study(search_space=space, sampler={"name": "random"})
    drawn = [study.lease()["params"] for _ in range(16)]
    for params in drawn:
        assert_in_space(space, params)
    assert any("nested" in params for params in drawn)


@pytest.mark.parametrize("name", PRUNERS)
def test_a_pruner_stops_what_is_far_behind_and_only_that(
    new_study: NewStudy, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    study = new_study(
        search_space=SPACE, sampler={"name": "random"}, pruner={"name": name, **PRUNERS[name]}, max_steps=9
    )
    stopped = []
    trials = 36 if name == "hyperband" else 12  # Which of its brackets a trial is in hangs on the study's name.
    with caplog.at_level(logging.ERROR):
        for index in range(trials):
            behind = index % 3 == 2 and index > 4
            trial = study.lease()
            assert_in_space(SPACE, trial["params"])
            for step in range(1, 10):
                value = 50.0 + step if behind else 1.0 / step - index / 100
                verdict = study.verdict(trial, (step, value))
                if verdict["verdict"] == "stop":
                    assert verdict["reason"] == "pruned"
                    assert verdict["explanation"]
                    stopped.append(behind)
                    break
            study.finish(trial, "complete" if verdict["verdict"] == "continue" else "pruned")
    assert not caplog.records
    counts = study.get("/status")["trials"]
    assert (counts["pruned"], counts["complete"]) == (len(stopped), trials - len(stopped))
    assert all(stopped)
    assert any(stopped) == (name != "none")
