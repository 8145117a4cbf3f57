"""Search spaces as cubes."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from lrtune.service.tuning.auto.space import Space

SPACE = Space(
    {
        "learning_rate": FloatDistribution(1e-5, 1.0, log=True),
        "width": IntDistribution(16, 512, log=True),
        "layers": IntDistribution(1, 9, step=2),
        "dropout": FloatDistribution(0.0, 0.5, step=0.1),
        "optimizer": CategoricalDistribution(["sgd", "adam", None]),
    }
)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31 - 1))
def test_any_point_gives_parameters_within_the_space_and_back(seed: int) -> None:
    point = np.random.default_rng(seed).random((1, SPACE.columns)) * 1.2 - 0.1
    params = SPACE.decode(np.clip(point[0], 0, 1))
    for axis in SPACE.axes:
        assert axis.distribution._contains(axis.distribution.to_internal_repr(params[axis.name]))
    again = SPACE.decode(SPACE.encode(params))
    assert again["optimizer"] == params["optimizer"]
    assert again["layers"] == params["layers"]
    assert again["width"] == params["width"]
    assert abs(again["dropout"] - params["dropout"]) < 1e-9
    assert abs(np.log(again["learning_rate"] / params["learning_rate"])) < 1e-9


def test_snapping_puts_points_where_parameters_can_be() -> None:
    points = SPACE.snap(np.random.default_rng(0).random((200, SPACE.columns)))
    assert np.allclose(points, SPACE.snap(points), atol=1e-9)
    for row in points[:50]:
        assert np.allclose(SPACE.encode(SPACE.decode(row)), row, atol=1e-9)


def test_the_main_learning_rate_is_found_and_what_is_missing_stands_in_the_middle() -> None:
    space = Space({"head_lr": FloatDistribution(1e-4, 1.0, log=True), "lr": FloatDistribution(1e-5, 1e-1, log=True)})
    assert space.rate_index is not None
    assert Space({"width": IntDistribution(1, 4)}).rate_index is None
    assert list(space.encode({"lr": 1e-3})) == [0.5, 0.5]
    assert list(SPACE.encode({})[-1:]) == [0.5]


def test_many_rows_are_encoded_as_each_is() -> None:
    space = Space(
        {
            "lr": FloatDistribution(1e-5, 1.0, log=True),
            "layers": IntDistribution(1, 6),
            "one": FloatDistribution(2.0, 2.0),
            "kind": CategoricalDistribution(["a", None, True]),
            "only": CategoricalDistribution(["x"]),
        }
    )
    full = {"lr": 1e-3, "layers": 2, "one": 2.0, "kind": None, "only": "x"}
    many = [full, {**full, "kind": True, "lr": 3.0}, {"layers": 6}, {}]
    assert np.allclose(space.encode_all(many), [space.encode(params) for params in many])
    assert space.encode_all([]).shape == (0, space.columns)
