"""The bucket lets through what it promises, and locks nobody out."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrtune.service.access.limits.bucket import Bucket

rates = st.floats(1e-3, 1e5)
sizes = st.integers(1, 10_000)
gaps = st.lists(st.tuples(st.floats(0, 100), st.integers(1, 50)), min_size=1, max_size=60)


@given(rates, sizes, gaps, st.floats(0, 1e7))
def test_in_no_window_more_is_taken_than_the_size_and_what_has_filled(
    rate: float, size: int, asks: list[tuple[float, int]], now: float
) -> None:
    bucket = Bucket(rate, size)
    taken: list[tuple[float, int]] = []
    for gap, amount in asks:
        now += gap
        if bucket.take(now, amount) == 0.0:
            taken.append((now, amount))
    for first, last in itertools.combinations_with_replacement(range(len(taken)), 2):
        window = taken[first : last + 1]
        allowed = size + rate * (window[-1][0] - window[0][0])
        assert sum(amount for _, amount in window) <= allowed * (1 + 1e-6) + 1e-6


@given(rates, sizes, gaps, st.integers(1, 50))
def test_who_waits_as_long_as_he_is_told_gets_it_and_a_moment_before_he_does_not(
    rate: float, size: int, asks: list[tuple[float, int]], amount: int
) -> None:
    bucket = Bucket(rate, size)
    now = 0.0
    for gap, some in asks:
        now += gap
        bucket.take(now, some)
    wait = bucket.wait_seconds(now, amount)
    if amount > size:
        assert wait == float("inf")
        return
    assert bucket.take(now, amount) == wait
    if wait:
        assert wait <= amount / rate * (1 + 1e-6)
        assert bucket.take(now + wait * 0.99, amount) > 0.0
        assert bucket.take(now + wait * (1 + 1e-6) + 1e-9, amount) == 0.0


@given(rates, sizes, st.lists(st.floats(0, 1e9), min_size=2, max_size=40))
def test_a_clock_that_jumps_locks_nobody_out_for_longer_than_one_takes_to_fill(
    rate: float, size: int, times: list[float]
) -> None:
    bucket = Bucket(rate, size)
    for now in times:
        bucket.take(now)
        assert 0.0 <= bucket.wait_seconds(now) <= 1 / rate * (1 + 1e-6)
        assert 0 <= bucket.left(now) <= size
        assert bucket.full_in_seconds(now) <= size / rate * (1 + 1e-6)


@given(rates, sizes)
def test_while_the_clock_stands_still_exactly_the_size_is_taken(rate: float, size: int) -> None:
    bucket = Bucket(rate, size)
    assert sum(bucket.take(5.0) == 0.0 for _ in range(size + 3)) == size


@given(rates, st.integers(50, 1000), gaps, st.floats(0, 10))
def test_what_is_given_back_never_makes_up_for_more_than_was_taken(
    rate: float, size: int, asks: list[tuple[float, int]], late: float
) -> None:
    with_it, without = Bucket(rate, size), Bucket(rate, size)
    assert with_it.take(0.0, 50) == 0.0
    now = 0.0
    for gap, amount in asks:
        now += gap / 100
        if with_it.take(now, amount) == 0.0:
            without.take(now, amount)
    now += late
    with_it.give_back(50, 0.0, now)
    assert with_it.left(now) <= without.left(now) + 1


def test_what_is_given_back_at_once_can_be_taken_again() -> None:
    bucket = Bucket(1.0, 3)
    for _ in range(20):
        assert bucket.take(7.0, 3) == 0.0
        bucket.give_back(3, 7.0, 7.0)
    assert bucket.left(7.0) == 3


def test_after_a_jump_back_the_wait_that_is_told_still_is_enough() -> None:
    bucket = Bucket(0.1, 2)
    assert bucket.take(5000.0, 2) == 0.0
    wait = bucket.wait_seconds(10.0)
    assert wait == 10.0
    assert bucket.take(10.0 + wait) == 0.0


def test_the_wait_is_exact() -> None:
    bucket = Bucket(10.0, 1)
    assert bucket.take(0.0) == 0.0
    assert bucket.take(0.0) == pytest.approx(0.1)
    assert bucket.take(0.1) == 0.0
