"""What scripts give `AutoSampler` and `AutoPruner`, checked: what cannot be is refused before the first trial."""

from collections.abc import Sequence
from operator import index
from typing import Any

import numpy as np

_LARGEST_SEED = 2**32 - 1


def check_seed(seed: Any) -> None:
    """Raises ValueError for what is no seed; None is one."""
    if seed is not None and not 0 <= _whole("seed", seed) <= _LARGEST_SEED:
        raise ValueError(f"seed: must be a whole number from 0 to 2**32 - 1, or None to draw one, not {seed!r}")


def check_count(name: str, count: Any) -> None:
    """Raises ValueError for what is no number of steps or trials; None is none."""
    if count is not None and _whole(name, count) < 1:
        raise ValueError(f"{name}: must be at least 1, or None, not {count!r}")


def check_quantiles(rates: Sequence[float] | None) -> None:
    """Raises ValueError for what are no quantiles of a rate."""
    if rates is None:
        return
    shown = np.asarray(rates, dtype=float)
    if shown.ndim != 1 or len(shown) < 2 or not (np.isfinite(shown) & (shown > 0)).all():
        raise ValueError("rate_quantiles: must be two rates > 0 or more, as in (1e-4, 1e-3, 1e-2), or None")


def check_name(name: Any) -> None:
    """Raises ValueError for what is no name of a parameter; None stands for one."""
    if name is not None and not isinstance(name, str):
        raise ValueError(f"learning_rate: must be the name of a parameter, or None for the one named so, not {name!r}")


def _whole(name: str, value: Any) -> int:
    if isinstance(value, bool | np.bool_):
        raise ValueError(f"{name}: must be a whole number, or None, not {value!r}")
    try:
        return index(value)
    except TypeError:
        raise ValueError(f"{name}: must be a whole number, or None, not {value!r:.60}") from None
