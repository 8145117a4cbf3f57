from pathlib import Path
from random import Random

import pytest

from tests.support.suggesting import suggestion_after

SPACE = {
    "max_depth": {"type": "int", "low": 1, "high": 16},
    "max_features": {"type": "float", "low": 0.05, "high": 1.0},
    "criterion": {"type": "categorical", "choices": ["gini", "entropy"]},
}


def records(count: int) -> list[dict[str, object]]:
    """Trainings whose loss depends on the depth alone, and is best at 8."""
    random = Random(0)
    found = []
    for _ in range(count):
        depth, features = random.randint(1, 16), random.uniform(0.05, 1.0)
        params = {"max_depth": depth, "max_features": features, "criterion": "gini"}
        found.append({"params": params, "value": 0.3 + 0.01 * (depth - 8) ** 2 + 0.002 * random.random()})
    return found


def test_without_a_learning_rate_the_best_parameters_come_with_the_intervals_of_near_best_values(
    tmp_path: Path,
) -> None:
    found = suggestion_after(tmp_path, records(24), search_space=SPACE)
    assert (found.learning_rate, found.interval, found.best_learning_rate) == (None, None, None)
    assert found.basis == "best_trial"
    assert list(found.intervals) == ["max_depth", "max_features"]
    depth = found.intervals["max_depth"]
    assert depth is not None
    assert all(isinstance(end, int) for end in depth)
    assert 5 <= depth[0] <= 8 <= depth[1] <= 11
    assert depth[0] <= found.params["max_depth"] <= depth[1]  # type: ignore[operator]
    assert "The search space has no learning rate: suggested are the parameters of the best trial." in found.explanation
    assert f"max_depth {depth[0]} to {depth[1]}" in found.explanation


def test_a_value_that_makes_no_difference_has_no_interval(tmp_path: Path) -> None:
    found = suggestion_after(tmp_path, records(24), search_space=SPACE)
    assert found.intervals["max_features"] is None
    assert "not clear yet for max_features" in found.explanation


@pytest.mark.parametrize("count", [1, 3])
def test_with_few_trials_there_are_no_intervals_and_no_claim(tmp_path: Path, count: int) -> None:
    found = suggestion_after(tmp_path, records(count), search_space=SPACE)
    assert found.intervals == {"max_depth": None, "max_features": None}
    assert found.explanation.startswith("No answer yet: that takes 4 complete trials")


def test_trials_that_are_all_alike_give_no_interval(tmp_path: Path) -> None:
    alike = [one | {"value": 0.5} for one in records(6)]
    found = suggestion_after(tmp_path, alike, search_space=SPACE)
    assert set(found.intervals.values()) == {None}
    assert "No answer yet: all 6 complete trials have the same loss, 0.5." in found.explanation
