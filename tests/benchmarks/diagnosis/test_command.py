"""The short form of the table, the shape of what it prints, and what must hold of what is said."""

import random
from pathlib import Path

import pytest

pytest.importorskip("torch")

from tests.benchmarks.conftest import Bench
from tests.benchmarks.diagnosis.table import alone, confusion, grids, in_study, service, shares
from tests.benchmarks.diagnosis.train import RATES, REPORTS, Training, keep, read, train
from tests.benchmarks.tables.test_tables import tables_in


def test_diagnosis_refuses_a_task_it_does_not_train(bench: Bench) -> None:
    ran = bench("diagnosis", "digitz")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("bench: there is no task 'digitz': use one of digits")


def made_up(rate: float, best: float, generator: random.Random) -> Training:
    """A valley of losses around the rate `best`, down from 2.3, with noise in its batches."""
    off = (rate / best) ** 0.7 if rate < best else (best / rate) ** 2
    losses = [2.3 - 2.0 * off * (1 - 0.9**step) for step in range(1, 51)]
    noisy = [loss * generator.lognormvariate(0, 0.05) for loss in losses]
    return Training("made-up", "sgd", 0, rate, 2.3, tuple(losses), tuple(noisy))


@pytest.fixture(scope="module")
def valley() -> list[Training]:
    return [made_up(rate, 0.03, random.Random(place)) for place, rate in enumerate(RATES)]


def test_diagnosis_puts_each_training_into_one_cell_of_each_table(
    bench: Bench, valley: list[Training], tmp_path: Path
) -> None:
    kept = tmp_path / "curves.json"
    keep(valley, kept)
    assert read(kept) == valley
    ran = bench("diagnosis", "--quick", "--curves", str(kept))
    assert ran.code == 0, ran.err
    *tables, (head, *rows) = tables_in(ran.out)
    assert len(tables) == len(rows) == 6
    for table in tables:
        assert table[0][1:] == ["too_low", "good", "unclear", "too_high", "diverged"]
    assert sum(int(cell) for line in tables[0][1:] for cell in line[1:]) == len(RATES)
    in_study = {row[0]: row for row in rows}["validation, in a study"]
    assert dict(zip(head, in_study, strict=True))["on the wrong side"] == "0.0 %"


def test_a_training_has_fifty_reports_of_both_kinds_or_ends_where_it_diverges() -> None:
    whole, diverged = (train("diabetes", "sgd", 0, rate) for rate in (1e-2, 10.0))
    assert len(whole.validation) == len(whole.batches) == REPORTS
    assert whole.loss < whole.initial
    assert diverged.loss == float("inf")
    assert len(diverged.validation) == len(diverged.batches) < REPORTS


def test_verdicts_in_a_study_of_a_valley_are_right_by_smooth_and_by_noisy_losses(valley: list[Training]) -> None:
    with service() as http:
        for kind in ("validation", "batches"):
            found = shares(confusion(grids(valley, kind), in_study(http, 1), 10))
            assert found.accused == found.praised == found.wrong_side == 0.0, (kind, found)
            assert found.found > 0.9, (kind, found)
    assert shares(confusion(grids(valley, "batches"), alone, 50)).accused == 0.0
