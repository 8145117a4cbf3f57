"""Projection onto valleys, against all of them."""

import numpy as np
import pytest
from scipy.optimize import isotonic_regression

from lrtune.service.rates.valley import nearest_valleys


def is_valley(function: np.ndarray) -> bool:
    turn = int(function.argmin())
    return bool((np.diff(function[: turn + 1]) <= 1e-12).all() and (np.diff(function[turn:]) >= -1e-12).all())


def test_no_valley_is_nearer() -> None:
    source = np.random.default_rng(0)
    for _ in range(60):
        count = int(source.integers(1, 12))
        function, weights = source.normal(size=count), source.uniform(0.1, 5.0, count)
        errors = []
        for turn in range(count + 1):
            falling = isotonic_regression(function[:turn], weights=weights[:turn], increasing=False).x if turn else []
            rising = isotonic_regression(function[turn:], weights=weights[turn:]).x if turn < count else []
            errors.append(float(weights @ (np.concatenate([falling, rising]) - function) ** 2))
        (found,) = nearest_valleys(function[None, :], weights)
        assert is_valley(found)
        assert float(weights @ (found - function) ** 2) == pytest.approx(min(errors))


def test_a_valley_stays_as_it_is() -> None:
    valley = np.array([[3.0, 2.0, 2.0, 0.5, 1.0, 4.0]])
    assert nearest_valleys(valley, np.ones(6)) == pytest.approx(valley)


def test_a_dip_where_nothing_was_measured_gives_way_to_a_wall_that_was() -> None:
    """The wall at the second place is certain, the dip at the first is not; the valley at the fourth is."""
    function = np.array([[-1.0, 2.0, 1.0, 0.0, 1.5]])
    (found,) = nearest_valleys(function, np.array([0.01, 100.0, 1.0, 100.0, 1.0]))
    assert found[0] >= 1.9
    assert found.argmin() == 3


def test_there_is_a_valley_on_either_side_of_a_peak() -> None:
    function = np.array([[3.0, 1.0, 2.0, 2.5, 0.0, 3.0]])
    (found,) = nearest_valleys(function, np.ones(6), [3])
    assert found == pytest.approx(function[0])
    assert not is_valley(found)
