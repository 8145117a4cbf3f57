import math
from pathlib import Path

import pytest

from tests.support.suggesting import recorded, suggestion_after

RATES = [10 ** (-6 + place / 2) for place in range(12)]
SMALL = [0.003, -0.002, 0.004, -0.004, 0.001, 0.002, -0.003, 0.004, 0.0, -0.002, 0.003, -0.001]


def test_a_rate_that_made_no_difference_is_told_with_the_remedy_and_every_rate_tried_is_in_the_interval(
    tmp_path: Path,
) -> None:
    found = suggestion_after(tmp_path, recorded(RATES, [0.5 + noise for noise in SMALL]))
    assert found.warnings == [
        "The parameter learning_rate made no difference in 12 trials over 5.5 decades: if train() does not use it, "
        "search without it (--no-learning-rate)."
    ]
    assert found.interval is not None
    assert found.interval[0] <= RATES[0]
    assert found.interval[1] >= RATES[-1]


def test_a_rate_that_matters_is_not_told_to_make_no_difference(tmp_path: Path) -> None:
    losses = [
        0.5 + min(1.0, 0.2 * math.log10(rate / 1e-3) ** 2) + noise for rate, noise in zip(RATES, SMALL, strict=True)
    ]
    assert suggestion_after(tmp_path, recorded(RATES, losses)).warnings == []


def test_where_trainings_diverge_the_rate_makes_a_difference(tmp_path: Path) -> None:
    records = recorded(RATES, [0.5 + noise for noise in SMALL])
    records.append({"params": {"learning_rate": 0.9}, "state": "diverged"})
    assert suggestion_after(tmp_path, records).warnings == []


@pytest.mark.parametrize("name", ["lr", "learning_rate"])
def test_a_rate_on_a_linear_scale_is_told_with_each_suggestion(tmp_path: Path, name: str) -> None:
    space = {name: {"type": "float", "low": 1e-5, "high": 1.0}}
    found = suggestion_after(tmp_path, [], search_space=space)
    assert len(found.warnings) == 1
    assert f"The parameter {name} is searched on a linear scale from 1e-05 to 1" in found.warnings[0]
    assert found.explanation.endswith(found.warnings[0])


def test_where_everything_diverged_down_to_the_bound_the_bound_is_to_be_lowered(tmp_path: Path) -> None:
    records = [{"params": {"learning_rate": rate}, "state": "diverged"} for rate in (3e-6, 1e-4, 0.1)]
    found = suggestion_after(tmp_path, records)
    assert found.explanation.startswith("No answer yet: all 3 trainings that ended diverged, the lowest at 3e-06.")
    assert "close to the lower bound of learning_rate, 1e-06: search lower ones" in found.warnings[0]
    assert found.learning_rate is not None
    assert found.learning_rate < 3e-6


def test_nothing_is_suggested_at_a_rate_that_diverged_where_none_has_trained(tmp_path: Path) -> None:
    found = suggestion_after(tmp_path, [{"params": {"learning_rate": 1e-4}, "state": "diverged"}])
    assert found.learning_rate == pytest.approx(1e-4 / 10**0.5)
    assert found.interval is not None
    assert found.interval[0] < found.learning_rate <= found.interval[1] < 1e-4
    assert found.max_stable_learning_rate == 1e-4  # Nothing below it was tried: no other boundary is known.
    assert found.warnings == []
