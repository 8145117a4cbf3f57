"""What `AutoSampler` and `AutoPruner` refuse, each in one line that names the argument."""

from typing import Any

import numpy as np
import pytest

from lrtune.service.tuning.auto import AutoPruner, AutoSampler


@pytest.mark.parametrize(
    ("made", "field", "value"),
    [
        *((AutoSampler, "seed", value) for value in (-1, 2**32, "x", 1.5, True)),
        *((AutoSampler, "max_steps", value) for value in (0, -3, 2.5, "a", False)),
        *((AutoSampler, "rate_quantiles", value) for value in ([], [1e-3], [1e-3, -1, 2], [float("nan"), 1], [[1, 2]])),
        (AutoSampler, "learning_rate", 3),
        *((AutoPruner, field, value) for field in ("max_steps", "max_trials") for value in (0, -2, 1.5, "a")),
    ],
)
def test_an_argument_that_cannot_be_is_refused_by_its_name(made: Any, field: str, value: Any) -> None:
    with pytest.raises(ValueError, match=rf"^{field}: must be [^\n]+$"):
        made(**{field: value})


def test_whole_numbers_may_be_of_numpy() -> None:
    AutoSampler(np.int64(3), max_steps=np.int32(10), rate_quantiles=np.geomspace(1e-4, 1e-1, 5))  # type: ignore[arg-type]
    AutoPruner(max_steps=np.int64(10), max_trials=np.int64(20))  # type: ignore[arg-type]
