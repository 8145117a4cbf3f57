"""Smooth problems: where their optimum lies, how their curves mislead, and that they are compared like tables."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.benchmarks.conftest import Bench
from tests.benchmarks.processes import BenchError
from tests.benchmarks.search.bowls import BOWLS, PER_SUITE, bowl, bowls
from tests.benchmarks.search.problems import problems_of


@pytest.mark.parametrize("suite", BOWLS)
def test_regret_is_0_at_the_optimum_and_1_at_the_median_random_point(suite: str) -> None:
    for one in bowls(suite, 3):
        params = dict(zip(one.names, one.low + one.optimum * (one.high - one.low), strict=True))
        params["learning_rate"] = float(one.low[0] * (one.high[0] / one.low[0]) ** one.optimum[0])
        assert one.regret(float(one.curve(params)[-1])) == pytest.approx(0.0, abs=1e-9)
        assert one.regret(one.reference) == 1.0
        assert one.regret(float("nan")) == 1.0


def test_early_losses_favour_high_rates_and_the_end_does_not() -> None:
    slow, fast = ([], [])
    for one in bowls("bowls-2"):
        for rate, found in ((1e-5, slow), (1.0, fast)):
            curve = one.curve({"learning_rate": rate, "x1": 0.5})
            assert np.all(np.diff(curve) < 0)
            found.append((curve[4] - curve[-1]) / (curve[0] - curve[-1]))
    assert max(fast) < min(slow)


def test_a_bowl_is_the_same_whenever_it_is_made() -> None:
    first, again = bowl("bowls-3", "07"), bowl("bowls-3", "07")
    params = {"learning_rate": 1e-3, "x1": 0.2, "x2": 0.9}
    assert np.array_equal(first.curve(params), again.curve(params))
    assert first.optimum.tolist() != bowl("bowls-3", "08").optimum.tolist()
    with pytest.raises(BenchError, match="use one of bowls-2"):
        bowl("bowls-4", "00")


def test_every_third_is_kept_aside_as_of_the_tables() -> None:
    counts = [len(problems_of(Path(), "bowls-2", which)) for which in ("all", "dev", "kept")]
    assert counts == [PER_SUITE, PER_SUITE * 2 // 3, PER_SUITE // 3]


def test_the_short_form_of_search_needs_no_data(bench: Bench, tmp_path: Path) -> None:
    ran = bench("search", "--quick", "--method", "random", "--out", str(tmp_path), "--json")
    assert ran.code == 0, ran.err
    found = json.loads(ran.out)
    assert found["marks"] == [3, 5]
    ((row,)) = found["rows"]
    assert (row["suite"], row["method"], row["tasks"], row["seeds"]) == ("bowls-2", "random", PER_SUITE // 3, 1)
    assert all(0 <= value <= 1 for value in row["seen"])
