from typing import Any

import pytest

from lrtune.service.tuning.suggesting.space_warnings import warnings_of_space
from lrtune.service.wire.studies import StudySpec


def warned(**space: Any) -> list[str]:
    return warnings_of_space(StudySpec.model_validate({"name": "s", "search_space": space}).search_space)


def rate(low: float, high: float, **more: Any) -> dict[str, Any]:
    return {"type": "float", "low": low, "high": high, **more}


def test_each_learning_rate_over_decades_on_a_linear_scale_is_warned_of_with_the_remedy() -> None:
    assert warned(lr=rate(1e-5, 1.0)) == [
        "The parameter lr is searched on a linear scale from 1e-05 to 1: 90% of the draws lie above 0.1. Search it by "
        'decades: "log": true (--param lr=float:1e-05:1:log).'
    ]
    found = warned(**{"learning_rate": rate(1e-5, 1.0), "learning_rate.head": rate(1e-4, 1.0), "peak": rate(1e-5, 1.0)})
    assert [name in warning for name, warning in zip(("learning_rate", "learning_rate.head"), found, strict=True)]
    assert len(warned(peak=rate(1e-5, 1.0, role="learning_rate"))) == 1
    assert '"log": true, without "step"' in warned(lr=rate(0.001, 1.0, step=0.001))[0]


@pytest.mark.parametrize(
    "space",
    [
        {"lr": rate(1e-5, 1.0, log=True)},
        {"lr": rate(0.01, 0.1)},
        {"dropout": rate(0.0, 0.9)},
        {"learning_rate": {"type": "categorical", "choices": [1e-5, 1.0]}},
    ],
)
def test_other_spaces_are_not_warned_of(space: dict[str, Any]) -> None:
    assert warned(**space) == []
