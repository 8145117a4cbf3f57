"""`bench scaling`: by how much the best rate moves as trainings grow longer.

The figure of docs/reference/scaling.md.
"""

import math
from collections.abc import Sequence

import numpy as np

from tests.benchmarks.command_line import Data, markdown, measuring
from tests.benchmarks.search.real_tables import Table, read_tables


def shifts(tables: Sequence[Table], shorter: int) -> list[float]:
    """Decades by which each cell's best rate of full trainings lies below that of the `shorter`-th longest ones, all of
    the seed that was trained at each length."""
    found = []
    for table in tables:
        full, short = _best_rate(table, -1), _best_rate(table, -1 - shorter)
        found.append(math.log10(short / full))
    return found


def _best_rate(table: Table, length: int) -> float:
    losses = table.losses[:, length, 0]
    return table.learning_rates[int(np.argmin(np.where(np.isfinite(losses), losses, np.inf)))]


def scaling(data: Data) -> None:
    """By how much the best rate moves down as trainings grow longer, by the ladder too.

    The figure of docs/reference/scaling.md.

    On the cells of `small-trainings.npz`, annealed to 0 within each length.
    """
    with measuring():
        tables = read_tables(data)
        rows = []
        for ratio, shorter in ((3, 1), (9, 2)):
            low, middle, high = np.quantile(shifts(tables, shorter), (0.25, 0.5, 0.75))
            rows.append((f"{ratio} ×", str(len(tables)), f"{middle:.2f}", f"{low:.2f} to {high:.2f}"))
        print(markdown(("steps", "cells", "decades down, median", "half of them"), rows))
