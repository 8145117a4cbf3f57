import math
from pathlib import Path
from typing import Any

import pytest

from service.tuning.suggestion import Point, plateau, suggest
from service.wire.studies import Suggestion
from service.wire.trials import Record
from tests.support.tuning import Tuning


def suggestion_after(tmp_path: Path, records: list[dict[str, Any]], **spec: Any) -> Suggestion:
    with Tuning(f"sqlite:///{tmp_path}/lrtune.db") as tuning:
        tuning.create(name="s", **spec)
        for record in records:
            tuning.run(tuning.trials.record("s", Record.model_validate(record)))
        return suggest(tuning.run(tuning.studies.get("s")))


@pytest.mark.parametrize(
    ("spec", "rate"),
    [
        ({}, 1e-3),
        ({"tags": {"optimizer": "adamw"}}, 1e-3),
        ({"tags": {"optimizer": "SGD"}}, 1e-2),
        ({"tags": {"optimizer": "momentum"}}, 1e-2),
        (
            {
                "search_space": {
                    "learning_rate": {"type": "float", "low": 0.1, "high": 1.0, "log": True},
                    "optimizer": {"type": "categorical", "choices": ["adam", "sgd"]},
                }
            },
            0.1,
        ),
    ],
)
def test_before_any_evidence_the_prior_of_the_optimizer_answers_cut_to_the_bounds(
    tmp_path: Path, spec: dict[str, Any], rate: float
) -> None:
    found = suggestion_after(tmp_path, [], **spec)
    assert found.basis == "prior"
    assert found.learning_rate == rate
    assert found.interval is not None
    assert found.interval[0] <= rate <= found.interval[1]
    assert found.params["learning_rate"] == rate
    assert found.trials == 0


def test_the_best_trial_is_suggested_with_the_plateau_around_it_and_a_reason(tmp_path: Path) -> None:
    losses = {1e-5: 2.3, 1e-4: 1.5, 1e-3: 0.31, 3e-3: 0.30, 1e-2: 0.32, 1e-1: 1.2}
    records = [{"params": {"learning_rate": rate}, "value": loss} for rate, loss in losses.items()]
    records.append({"params": {"learning_rate": 0.9}, "state": "diverged"})
    found = suggestion_after(tmp_path, records)
    assert found.basis == "best_trial"
    assert found.learning_rate == 3e-3
    assert found.expected_value == 0.30
    assert found.trials == 7
    assert found.interval is not None
    low, high = found.interval
    assert low == pytest.approx(math.sqrt(1e-4 * 1e-3))
    assert high == pytest.approx(math.sqrt(1e-2 * 1e-1))
    assert found.max_stable_learning_rate is not None
    assert 0.1 < found.max_stable_learning_rate < 0.9
    assert "trial 3" in found.explanation
    assert "1 run diverged" in found.explanation


def test_where_more_is_better_the_largest_value_is_suggested(tmp_path: Path) -> None:
    records = [{"params": {"learning_rate": r}, "value": v} for r, v in ((1e-3, 0.7), (1e-2, 0.9), (1e-1, 0.2))]
    found = suggestion_after(tmp_path, records, direction="maximize", metric="accuracy")
    assert (found.learning_rate, found.expected_value) == (1e-2, 0.9)


def test_a_study_without_a_learning_rate_still_gets_its_best_parameters(tmp_path: Path) -> None:
    space = {"max_depth": {"type": "int", "low": 1, "high": 10}}
    records = [{"params": {"max_depth": depth}, "value": abs(depth - 4)} for depth in (2, 4, 7)]
    found = suggestion_after(tmp_path, records, search_space=space)
    assert found.learning_rate is None
    assert found.interval is None
    assert found.params == {"max_depth": 4}


def test_nothing_speaks_against_the_bounds_where_no_worse_neighbour_was_tried() -> None:
    assert plateau([Point(1e-3, 0.5)], 1e-3, 1e-6, 1.0) == (1e-6, 1.0)


def test_one_unlucky_rate_between_two_good_ones_does_not_end_the_plateau() -> None:
    points = [Point(r, loss) for r, loss in ((1e-4, 9), (1e-3, 1.0), (2e-3, 5), (4e-3, 1.1), (1e-1, 9), (1.0, 9))]
    low, high = plateau(points, 1e-3, 1e-6, 10.0)
    assert high == pytest.approx(math.sqrt(4e-3 * 1e-1))
    assert low == pytest.approx(math.sqrt(1e-4 * 1e-3))


def test_a_rate_on_the_edge_of_divergence_is_not_suggested_where_a_safe_one_comes_near(tmp_path: Path) -> None:
    losses = {1e-5: 2.3, 3e-5: 2.2, 1e-4: 2.0, 1e-3: 1.0, 1e-2: 0.52, 3e-2: 0.505, 0.3: 0.5}
    records: list[dict[str, Any]] = [{"params": {"learning_rate": r}, "value": v} for r, v in losses.items()]
    records += [{"params": {"learning_rate": r}, "state": "diverged"} for r in (0.2, 0.25, 0.31, 0.5)]
    found = suggestion_after(tmp_path, records)
    assert found.learning_rate == 3e-2
    assert found.max_stable_learning_rate is not None
    assert found.max_stable_learning_rate > 3e-2
    assert "safe from diverging" in found.explanation
