"""Scaling rules, by hand."""

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lrtune.service.rates.checks import Refused
from lrtune.service.rates.scaling import OPTIMIZERS, scale


def test_sgd_goes_linearly_and_adam_with_the_root() -> None:
    assert scale(0.1, 32, 128, "sgd").learning_rate == pytest.approx(0.4)
    assert scale(0.4, 128, 32, "nesterov").learning_rate == pytest.approx(0.1)
    adam = scale(1e-3, 64, 256, "adam", betas=(0.9, 0.95), epsilon=1e-6)
    assert adam.learning_rate == pytest.approx(2e-3)
    assert adam.betas == pytest.approx((0.6, 0.8))
    assert adam.epsilon == pytest.approx(5e-7)
    rmsprop = scale(1e-3, 256, 64, "rmsprop")
    assert rmsprop.betas == pytest.approx((0.9975,))
    assert rmsprop.learning_rate == pytest.approx(5e-4)


@pytest.mark.parametrize("epsilon", [1.1e308, 5e-324])
def test_an_epsilon_that_floating_point_cannot_scale_is_refused_by_name(epsilon: float) -> None:
    smaller = epsilon > 1
    with pytest.raises(Refused, match="epsilon is too near the end"):
        scale(1e-3, 64 if smaller else 16, 16 if smaller else 64, "adam", betas=(0.9, 0.999), epsilon=epsilon)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_same_batch_size_keeps_the_rate_and_the_length_moves_it(optimizer: str) -> None:
    assert scale(0.1, 64, 64, optimizer).learning_rate == 0.1
    longer = scale(0.1, 64, 64, optimizer, total_steps=100, new_total_steps=900)
    assert longer.learning_rate == pytest.approx(0.1 * 10**-0.25)
    assert not any("extrapolation" in limit for limit in longer.limits)
    far = scale(0.1, 64, 64, optimizer, total_steps=100, new_total_steps=8100)
    assert far.learning_rate == pytest.approx(0.1 * 10**-0.5)
    assert any("extrapolation" in limit for limit in far.limits)


@pytest.mark.parametrize(("beta", "most"), [(0.9, 639), (0.95, 1279), (0.5, 127)])
def test_the_largest_batch_size_that_is_named_is_the_largest_that_is_taken(beta: float, most: int) -> None:
    with pytest.raises(Refused, match=f"reaches to {most}"):
        scale(1e-3, 64, most + 1, "adam", betas=(beta, 0.999))
    taken = scale(1e-3, 64, most, "adam", betas=(beta, 0.999))
    assert taken.betas is not None
    assert 0.0 <= taken.betas[0] <= beta


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(st.floats(1e-8, 1e2), st.integers(1, 4096), st.integers(1, 4096), st.sampled_from(["sgd", "adam", "rmsprop"]))
def test_there_and_back_is_the_same_rate(rate: float, batch: int, other: int, optimizer: str) -> None:
    try:
        there = scale(rate, batch, other, optimizer)
    except Refused:
        assert other / batch * 0.1 >= 0.99
        return
    assert there.learning_rate is not None
    back = scale(there.learning_rate, other, batch, optimizer, betas=there.betas, epsilon=there.epsilon)
    assert back.learning_rate == pytest.approx(rate)
    assert math.isfinite(there.learning_rate)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        *(
            ({name: value}, name)
            for name in ("learning_rate", "epsilon")
            for value in (0, -1.0, math.nan, math.inf, "1")
        ),
        *(({name: value}, name) for name in ("batch_size", "new_batch_size") for value in (0, -1, 1.5, True)),
        ({"optimizer": "lion"}, "optimizer"),
        ({"betas": (0.9, 1.0)}, "betas[1]"),
        ({"betas": (math.nan, 0.9)}, "betas[0]"),
        ({"betas": (0.9,)}, "betas"),
        ({"optimizer": "sgd", "betas": (0.9, 0.99)}, "betas"),
        ({"optimizer": "sgd", "epsilon": 1e-8}, "epsilon"),
        ({"total_steps": 10}, "new_total_steps"),
        ({"new_total_steps": 10}, "total_steps"),
        ({"total_steps": 0, "new_total_steps": 10}, "total_steps"),
    ],
)
def test_what_cannot_be_is_refused_by_name(changed: dict[str, Any], field: str) -> None:
    body: dict[str, Any] = {"learning_rate": 1e-3, "batch_size": 64, "new_batch_size": 128, "optimizer": "adam"}
    with pytest.raises(Refused) as refused:
        scale(**(body | changed))
    assert refused.value.field == field
