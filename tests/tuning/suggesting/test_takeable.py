"""What is suggested is taken back, whatever the space and wherever the best trial lies."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrtune.service.tuning.state.space.params import check_params
from lrtune.service.tuning.suggesting.takeable import takeable
from lrtune.service.wire.search_space import Parameter
from lrtune.service.wire.studies import NewStudy, Suggestion
from tests.support.spaces import search_spaces


def space_of(fields: Any) -> dict[str, Parameter]:
    return NewStudy.model_validate({"name": "s", "search_space": fields}).search_space


def suggestion(rate: float, interval: tuple[float, float], params: Any) -> Suggestion:
    return Suggestion(
        learning_rate=rate,
        interval=interval,
        max_stable_learning_rate=rate * 1.0000000000000002,
        params=params,
        expected_value=None,
        basis="posterior",
        trials=3,
        explanation="",
    )


@given(search_spaces(), st.floats(-2, 3), st.floats(-2, 3), st.floats(-2, 3))
def test_a_suggestion_lies_in_its_space_whatever_was_reckoned(
    fields: dict[str, Any], place: float, first: float, last: float
) -> None:
    fields["learning_rate"] = {"type": "float", "low": 1e-5, "high": 0.7, "log": True}
    space = space_of(fields)
    given_ends = (1e-3 * 10 ** min(first, last), 1e-3 * 10 ** max(first, last))
    found = takeable(space, "learning_rate", suggestion(1e-3 * 10**place, given_ends, {}))
    assert found.learning_rate is not None
    assert found.interval is not None
    assert found.max_stable_learning_rate is not None
    assert 1e-5 <= found.interval[0] <= found.interval[1] <= 0.7
    assert 1e-5 <= found.learning_rate <= 0.7
    assert found.max_stable_learning_rate <= 0.7
    assert check_params(space, found.params, complete=True) == found.params
    assert found.params["learning_rate"] == found.learning_rate


def test_a_rate_with_a_condition_is_suggested_beside_what_it_needs() -> None:
    space = space_of(
        {
            "optimizer": {"type": "categorical", "choices": ["adam", "sgd"]},
            "learning_rate": {"type": "float", "low": 1e-4, "high": 1, "log": True, "when": {"optimizer": ["sgd"]}},
            "eps": {"type": "float", "low": 0, "high": 1, "when": {"optimizer": ["adam"]}},
        }
    )
    found = takeable(space, "learning_rate", suggestion(0.1, (0.05, 0.2), {"optimizer": "adam", "eps": 0.5}))
    assert found.params == {"optimizer": "sgd", "learning_rate": 0.1}


@pytest.mark.parametrize("trained", [{"depth": "three"}, {"depth": 99}, {"optimizer": "gone"}, {"other": 1}])
def test_what_another_process_trained_outside_the_space_is_not_suggested(trained: dict[str, Any]) -> None:
    fields: dict[str, Any] = {
        "depth": {"type": "int", "low": 1, "high": 9, "step": 4},
        "optimizer": {"type": "categorical", "choices": ["adam", "sgd"]},
    }
    found = takeable(space_of(fields), None, suggestion(0.1, (0.1, 0.1), trained))
    assert check_params(space_of(fields), found.params, complete=True) == found.params
