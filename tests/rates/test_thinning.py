"""A thinned curve is short and shows all that one looks for."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrtune.service.rates.checks import Refused
from lrtune.service.rates.thinning import thin
from lrtune.service.wire.trials import FEWEST_POINTS

VALUES = st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=400)


@given(VALUES, st.integers(FEWEST_POINTS, 100))
def test_no_more_points_than_were_asked_for_and_the_extremes_among_them(values: list[float], most: int) -> None:
    curve = np.array(values, dtype=np.float64)
    kept = thin(curve, most)
    assert len(kept) == min(len(values), len(kept)) <= most
    assert kept.tolist() == sorted(set(kept.tolist()))
    if not values:
        return
    assert (kept[0], kept[-1]) == (0, len(values) - 1)
    finite = [value for value in values if math.isfinite(value)]
    shown = curve[kept].tolist()
    if finite:
        assert min(finite) in shown
        assert max(finite) in shown
    if len(finite) < len(values):
        assert not all(map(math.isfinite, shown))
        first = next(index for index, value in enumerate(values) if not math.isfinite(value))
        assert first in kept


@given(st.integers(0, 300), st.integers(FEWEST_POINTS, 300))
def test_a_curve_that_is_short_enough_is_whole(count: int, most: int) -> None:
    kept = thin(np.zeros(count), most)
    if count <= most:
        assert kept.tolist() == list(range(count))


def test_every_spike_of_a_long_curve_is_kept_where_it_is() -> None:
    values = np.ones(300_000)
    spikes = [10, 99_999, 150_000, 299_990]
    values[spikes] = [5.0, -5.0, np.nan, np.inf]
    assert set(spikes) <= set(thin(values, 100).tolist())


@pytest.mark.parametrize("most", [-1, 0, 4])
def test_a_limit_without_room_for_the_extremes_is_refused(most: int) -> None:
    with pytest.raises(Refused, match="max_points"):
        thin(np.zeros(10), most)
