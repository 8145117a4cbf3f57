from itertools import pairwise

import numpy as np

from lrtune.service.tuning.auto.surrogate.stability import Run, StabilityModel

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


def test_what_is_required_grows_with_each_diverged_run() -> None:
    needed = [StabilityModel(runs(0.1, [1e-3] + [1.0] * n), BOUNDS).required({}) for n in range(6)]
    assert needed[0] == 0.5
    assert needed == sorted(needed)
    assert needed[5] > 0.8


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
