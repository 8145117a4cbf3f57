"""Where training stops being stable: one model, asked at points of the unit cube or at rates."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution

from lrtune.service.tuning.auto.space import Space
from lrtune.service.tuning.auto.surrogate.stability import Run, StabilityModel, stability_of_points

BOUNDS = (1e-5, 10.0)


def runs(edge: float, rates: list[float], **categories: object) -> list[Run]:
    return [Run(rate, rate > edge, categories) for rate in rates]


def test_without_a_diverged_run_every_rate_is_stable_and_no_largest_is_named() -> None:
    model = StabilityModel(runs(100.0, [1e-4, 1e-2, 1.0]), BOUNDS)
    assert model.probability_stable(10.0, {}) == 1.0
    assert model.largest_stable({}) is None


def test_the_boundary_lies_between_the_largest_stable_and_the_smallest_diverged_rate() -> None:
    model = StabilityModel(runs(0.1, [1e-4, 1e-3, 1e-2, 0.05, 0.2, 1.0, 5.0]), BOUNDS)
    largest = model.largest_stable({})
    assert largest is not None
    assert 0.05 < largest < 0.2
    probabilities = [model.probability_stable(rate, {}) for rate in np.geomspace(1e-5, 10, 50)]
    assert all(a >= b - 1e-12 for a, b in pairwise(probabilities))
    assert probabilities[0] > 0.97
    assert probabilities[-1] < 0.03


def test_each_optimizer_gets_its_own_boundary_where_they_differ() -> None:
    rates = [float(r) for r in np.geomspace(1e-4, 5, 12)]
    mixed = runs(1.0, rates, optimizer="sgd", batch=32) + runs(0.01, rates, optimizer="adam", batch=32)
    model = StabilityModel(mixed, BOUNDS)
    assert model.split_by == "optimizer"
    assert model.probability_stable(0.2, {"optimizer": "sgd"}) > 0.8
    assert model.probability_stable(0.2, {"optimizer": "adam"}) < 0.2


def test_a_category_that_makes_no_difference_does_not_split_the_evidence() -> None:
    rates = [float(r) for r in np.geomspace(1e-4, 5, 12)]
    same = runs(0.1, rates[::2], batch=32) + runs(0.1, rates[1::2], batch=64)
    assert StabilityModel(same, BOUNDS).split_by is None


CHOICES = {"batch": [32, 64, 128], "optimizer": ["sgd", "adam"]}
SPACE = Space(
    {
        "learning_rate": FloatDistribution(*BOUNDS, log=True),
        **{name: CategoricalDistribution(choices) for name, choices in CHOICES.items()},
    }
)
RATES = st.floats(-5.0, 1.0).map(lambda exponent: min(max(10.0**exponent, BOUNDS[0]), BOUNDS[1]))
CATEGORIES = st.fixed_dictionaries(
    {"optimizer": st.sampled_from(CHOICES["optimizer"])}, optional={"batch": st.sampled_from(CHOICES["batch"])}
)
RUNS = st.builds(Run, RATES, st.booleans(), CATEGORIES)


def points(seen: list[Run]) -> np.ndarray:
    return np.array([SPACE.encode({"learning_rate": run.learning_rate, **run.categories}) for run in seen])


@given(seen=st.lists(RUNS, min_size=1, max_size=40), asked=st.lists(RUNS, min_size=1, max_size=10))
def test_search_and_suggestion_agree_on_what_is_stable(seen: list[Run], asked: list[Run]) -> None:
    diverged = np.array([run.diverged for run in seen])
    search = stability_of_points(points(seen), diverged, SPACE.rate_index, SPACE.blocks)
    suggestion = StabilityModel(seen, BOUNDS)
    rates = [suggestion.probability_stable(run.learning_rate, run.categories) for run in asked]
    assert search.safe(points(asked)) == pytest.approx(rates, abs=1e-9)
    for run in asked:
        largest = suggestion.largest_stable(run.categories)
        if largest is None:
            assert search.safe(points([Run(BOUNDS[1], False, run.categories)]))[0] == 1.0
            continue
        assert BOUNDS[0] <= largest <= BOUNDS[1] * (1 + 1e-9)
        at, above = search.safe(
            points([Run(largest, False, run.categories), Run(min(largest * 1.2, BOUNDS[1]), False, run.categories)])
        )
        assert at >= 0.5 - 1e-6 or largest == BOUNDS[0]
        assert above < 0.5 or largest > BOUNDS[1] * (1 - 1e-9)


def test_the_order_of_runs_changes_nothing_and_more_of_them_make_it_surer() -> None:
    seen = runs(0.1, [1e-4, 1e-3, 1e-2, 0.05, 0.2, 1.0])
    model, reverse = StabilityModel(seen * 50, BOUNDS), StabilityModel(seen[::-1] * 50, BOUNDS)
    for rate in np.geomspace(*BOUNDS, 30).clip(*BOUNDS):
        assert model.probability_stable(rate, {}) == pytest.approx(reverse.probability_stable(rate, {}))
    assert model.probability_stable(0.05, {}) > StabilityModel(seen, BOUNDS).probability_stable(0.05, {})


def test_the_boundary_lies_between_stable_and_diverged_points_and_splits_by_optimizer() -> None:
    rng = np.random.default_rng(0)
    adam = rng.random(60) < 0.5
    seen = np.stack([rng.random(60), adam.astype(float), 1.0 - adam], axis=1)
    edge = np.where(adam, 0.4, 0.8)
    stability = stability_of_points(seen, seen[:, 0] > edge, 0, [(1, 2)])
    asked = np.array([[0.2, 1, 0], [0.6, 1, 0], [0.6, 0, 1], [0.95, 0, 1]], dtype=float)
    safe = stability.safe(asked)
    assert safe[0] > 0.95
    assert safe[1] < 0.05
    assert safe[2] > 0.95
    assert safe[3] < 0.05
    assert (stability.required(asked) > 0.8).all()


def test_what_is_required_grows_with_each_diverged_run() -> None:
    needed = []
    for count in range(1, 6):
        seen = np.array([[0.3]] + [[0.9]] * count)
        needed.append(float(stability_of_points(seen, seen[:, 0] > 0.5, 0).required(seen[:1])[0]))
    assert needed[0] == 0.5
    assert needed == sorted(needed)
    assert needed[-1] > 0.8
    untroubled = np.array([[0.3], [0.9]])
    assert (stability_of_points(untroubled, np.zeros(2, dtype=bool), 0).required(untroubled) == 0).all()


def test_nothing_is_forbidden_where_divergence_does_not_hang_on_the_rate() -> None:
    rng = np.random.default_rng(3)
    seen = rng.random((60, 1))
    stability = stability_of_points(seen, rng.random(60) < 0.3, 0)
    asked = np.linspace(0, 0.9, 10)[:, None]
    assert (stability.required(asked) == 0).all()
    assert stability.safe(asked).min() > 0.2


def test_without_a_run_that_trained_the_edge_that_is_known_is_the_lowest_rate_that_diverged() -> None:
    lost = [Run(0.018, True, {"optimizer": "sgd"}), Run(0.5, True, {"optimizer": "sgd"})]
    assert StabilityModel(lost, BOUNDS).known_edge({"optimizer": "sgd"}) == 0.018
    both = StabilityModel([*lost, Run(1e-3, False, {"optimizer": "sgd"})], BOUNDS)
    assert both.known_edge({"optimizer": "sgd"}) == both.largest_stable({"optimizer": "sgd"})
    assert StabilityModel([], BOUNDS).known_edge({}) is None
