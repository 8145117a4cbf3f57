"""What an objective asks for against what the study searches: the value, or what to write."""

from typing import Any

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from lrtune.service.wire.studies import StudySpec
from lrtune.trainers.errors import InvalidRequest
from lrtune.trainers.integrations.optuna.spaces import distributions_of, search_space_of, suggested

GIVEN = {
    "lr": FloatDistribution(1e-5, 1.0, log=True),
    "dropout": FloatDistribution(0.0, 0.5, step=0.1),
    "layers": IntDistribution(1, 9, step=2),
    "width": IntDistribution(8, 512, log=True),
    "optimizer": CategoricalDistribution(["sgd", "adam", None, True, 2]),
}
SPACE = StudySpec(name="s", search_space=search_space_of(GIVEN)).search_space  # type: ignore[arg-type]


def test_distributions_of_optuna_come_back_as_they_were() -> None:
    assert distributions_of(SPACE) == GIVEN


@pytest.mark.parametrize("one", [FloatDistribution(0.5, 0.5), IntDistribution(3, 3)])
def test_what_has_one_value_is_a_choice_of_one_and_suggested_as_asked(one: Any) -> None:
    space = StudySpec(name="s", search_space=search_space_of({"x": one})).search_space  # type: ignore[arg-type]
    assert distributions_of(space) == {"x": CategoricalDistribution([one.low])}
    assert suggested("x", one, space, {"x": one.low}, "s") == one.low


def test_conditions_are_given_as_lrtune_has_them() -> None:
    momentum = {"type": "float", "low": 0.0, "high": 0.9, "when": {"optimizer": ["sgd"]}}
    space = StudySpec(name="s", search_space=search_space_of({**GIVEN, "momentum": momentum})).search_space  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="momentum does not exist in this trial, but only where optimizer is 'sgd'"):
        suggested("momentum", FloatDistribution(0.0, 0.9), space, {"optimizer": "adam"}, "s")


@pytest.mark.parametrize(
    ("asked", "written"),
    [
        (FloatDistribution(1e-5, 0.1, log=True), "FloatDistribution(1e-05, 0.1, log=True)"),
        (FloatDistribution(1e-5, 1.0), "FloatDistribution(1e-05, 1.0)"),
        (IntDistribution(1, 9, step=2), "IntDistribution(1, 9, step=2)"),
        (CategoricalDistribution([0.1, 0.2]), "CategoricalDistribution([0.1, 0.2])"),
    ],
)
def test_other_bounds_are_refused_with_both_as_a_script_has_them(asked: Any, written: str) -> None:
    with pytest.raises(ValueError, match=r"^lr: ") as refused:
        suggested("lr", asked, SPACE, {"lr": 0.1}, "s")
    assert "searches FloatDistribution(1e-05, 1.0, log=True)" in str(refused.value)
    assert f"asks {written}: " in str(refused.value)


def test_a_name_that_is_not_searched_is_refused_with_what_to_write() -> None:
    with pytest.raises(ValueError, match="not in the search space of study s") as refused:
        suggested("gamma", FloatDistribution(0.1, 0.9), SPACE, {"lr": 0.1}, "s")
    assert "search_space={…, 'gamma': FloatDistribution(0.1, 0.9)}" in str(refused.value)


@pytest.mark.parametrize("space", [None, {}, ["lr"], {"lr": (1e-5, 1.0)}, {"lr": "float"}])
def test_what_is_no_space_is_refused_with_an_example(space: Any) -> None:
    with pytest.raises(InvalidRequest, match=r"^search_space.*FloatDistribution\(1e-5, 1.0, log=True\)"):
        search_space_of(space)
