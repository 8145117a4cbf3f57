"""The table of finders, on a grid whose answers are known."""

import math
from pathlib import Path

import numpy as np
import pytest

from lrtune.service.rates.range_test.analysis import analyse
from tests.benchmarks.finder.table import Cell, Grid, held, read_cells, table

RATES = (1e-3, 1e-2, 1e-1, 1.0)
GRID = Grid("task", RATES, (4.0, 1.0, 3.0, math.inf))


def test_losses_are_linear_in_log_rate_between_the_grids_points() -> None:
    assert GRID.loss_at(1e-2) == 1.0
    assert GRID.loss_at(math.sqrt(1e-3 * 1e-2)) == pytest.approx(2.5)
    assert GRID.loss_at(1e-9) == 4.0
    assert GRID.loss_at(0.5) == math.inf
    assert GRID.best_rate == 1e-2


def test_a_row_counts_what_a_rule_answers() -> None:
    tested = [10 ** (-6 + 0.1 * step) for step in range(60)]
    falling = analyse(tested, [2.0 - min(step, 50) / 51 if step < 58 else 3.0 for step in range(60)], smoothing=0.0)
    flat = analyse(tested, [1.0] * 60)
    assert falling.suggestions["minimum_over_10"] == pytest.approx(1e-2)
    rows = {row.rule: row for row in table([Cell(GRID, (falling, flat))])}
    row = rows["minimum_over_10"]
    assert (row.answered, row.within, row.worse, row.median_error) == (0.5, (0.5, 0.5), 0.0, pytest.approx(0.0))
    fixed = rows["fixed 1e-3"]
    assert (fixed.answered, fixed.within, fixed.median_error) == (1.0, (0.0, 0.0), pytest.approx(1.0))
    assert falling.recommended is not None
    assert flat.recommended is None
    assert held([Cell(GRID, (falling, flat))]) == 1.0, "what answers nothing has no interval"
    assert held([Cell(GRID, (falling,))], decades=0.0) == 0.0


def test_losses_that_have_no_ratio_are_refused() -> None:
    with pytest.raises(ValueError, match="must be > 0"):
        table([Cell(Grid("t", RATES, (1.0, 0.0, 1.0, 1.0)), ())])


def test_measured_trainings_are_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "trainings.npz"
    np.savez(
        file,
        tasks=np.array(["a"]),
        optimizers=np.array(["sgd", "adam"]),
        learning_rates=np.array(RATES),
        final_loss=np.full((1, 2, 4, 2, 3), 2.0),
        range_learning_rates=np.array(RATES),
        range_losses=np.ones((1, 2, 5, 4)),
    )
    cells = list(read_cells(file))
    assert [cell.grid.name for cell in cells] == ["a/sgd", "a/adam"]
    assert cells[0].grid.losses == (2.0,) * 4
    assert len(cells[0].tests) == 5
