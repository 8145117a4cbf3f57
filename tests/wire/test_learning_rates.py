"""Which parameters are learning rates: by their role, else by names that mean nothing else."""

from typing import Any

import pytest
from optuna.distributions import FloatDistribution
from pydantic import TypeAdapter, ValidationError

from lrtune.service.tuning.auto.space import Space
from lrtune.service.tuning.state.space.distributions import drawing_order
from lrtune.service.wire.learning_rates import main_learning_rate
from lrtune.service.wire.search_space import Parameter, SearchSpace

SPACES: TypeAdapter[dict[str, Parameter]] = TypeAdapter(SearchSpace)
RATE = {"type": "float", "low": 1e-5, "high": 1.0, "log": True}
LOW = {"type": "float", "low": 1e-7, "high": 1e-5, "log": True}
ZERO = {"type": "float", "low": 0.0, "high": 1e-4}
FLAG = {"type": "categorical", "choices": [True, False]}
USUAL = [
    "learning_rate",
    "lr",
    "LR",
    "Lr",
    "learning-rate",
    "learningRate",
    "LEARNING_RATE",
    "eta0",
    "eta",
]
OTHERS = [
    "min_lr",
    "decay_lr",
    "warmup_lr",
    "schedule.min_lr",
    "lr.min",
    "lr_min",
    "lr.warmup_steps",
    "final_lr",
    "lr_decay",
]


def space(given: dict[str, Any]) -> dict[str, Parameter]:
    return SPACES.validate_python(given)


@pytest.mark.parametrize("name", USUAL)
def test_usual_names_are_learning_rates_however_they_are_written(name: str) -> None:
    assert main_learning_rate(space({"momentum": ZERO, name: RATE})) == name
    assert Space({name: FloatDistribution(1e-5, 1.0, log=True)}).rate_index == 0


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("parameter", [ZERO, LOW, FLAG, {"type": "categorical", "choices": ["a", None]}])
def test_floors_flags_and_warm_up_starts_are_accepted_and_are_none(name: str, parameter: dict[str, Any]) -> None:
    for given in ({name: parameter, "lr": RATE}, {"lr": RATE, name: parameter}):
        assert main_learning_rate(space(given)) == "lr"
    assert main_learning_rate(space({name: parameter})) is None


def test_learning_rate_comes_before_lr_before_others_and_groups_come_last() -> None:
    names = ["learning_rate.head", "eta0", "lr", "learning_rate"]
    given = dict.fromkeys(names, RATE)
    found = []
    while given:
        main = main_learning_rate(space(given))
        assert main is not None
        found.append(main)
        del given[main]
    assert found == ["learning_rate", "lr", "eta0", "learning_rate.head"]


def test_a_role_makes_any_name_the_learning_rate_for_search_suggestion_and_order_of_drawing() -> None:
    given = space({"peak": {**RATE, "role": "learning_rate"}, "lr": LOW, "width": {"type": "int", "low": 1, "high": 8}})
    assert main_learning_rate(given) == "peak"
    assert drawing_order(given)[0] == "width"
    distributions = {name: FloatDistribution(1e-5, 1.0, log=True) for name in ("lr", "peak")}
    assert Space(distributions, "peak").rate_index == 1


@pytest.mark.parametrize("parameter", [ZERO, {"type": "int", "low": 0, "high": 3}, FLAG])
def test_a_role_on_what_cannot_be_a_learning_rate_is_refused_with_the_remedy(parameter: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=r"leave role out|role must be left out"):
        space({"peak": {**parameter, "role": "learning_rate"}})


def test_a_learning_rate_by_name_must_be_above_zero_and_words_under_that_name_are_a_flag() -> None:
    with pytest.raises(ValidationError, match="low must be > 0 for a learning rate"):
        space({"learning_rate": ZERO})
    with pytest.raises(ValidationError, match="each choice of a learning rate"):
        space({"lr": {"type": "categorical", "choices": [0.0, 0.1]}})
    words = {"type": "categorical", "choices": ["constant", "adaptive"]}
    assert main_learning_rate(space({"learning_rate": words, "eta0": RATE})) == "eta0"


@pytest.mark.parametrize("name", USUAL)
def test_a_study_whose_only_rate_is_so_by_its_name_may_not_have_0_under_any_usual_name(name: str) -> None:
    with pytest.raises(ValidationError, match="low must be > 0 for a learning rate"):
        space({name: ZERO})


def test_a_usual_name_may_be_anything_where_another_parameter_is_the_learning_rate() -> None:
    assert main_learning_rate(space({"lr": ZERO, "rate": {**RATE, "role": "learning_rate"}})) == "rate"
    assert main_learning_rate(space({"lr": ZERO, "learning_rate": RATE})) == "learning_rate"
    none = {"type": "categorical", "choices": [0.0, 0.1]}
    assert main_learning_rate(space({"eta": none, "lr.head": ZERO, "learning_rate": RATE})) == "learning_rate"


def test_groups_of_the_learning_rate_must_be_above_zero() -> None:
    with pytest.raises(ValidationError, match="low must be > 0 for a learning rate"):
        space({"lr": RATE, "lr.head": ZERO})


def test_two_parameters_with_the_role_are_refused_and_both_are_named() -> None:
    rate = {**RATE, "role": "learning_rate"}
    with pytest.raises(ValidationError, match="second: role is first's already"):
        space({"first": rate, "lr": RATE, "second": rate})
