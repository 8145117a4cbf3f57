from pathlib import Path

import pytest

pytest.importorskip("torch")

from tests.benchmarks.finder.run import Job, Plan, do, measure
from tests.benchmarks.finder.table import table
from tests.benchmarks.processes import BenchError

SMALL = Plan(("breast-cancer",), ("momentum", "adam"), rates_per_decade=1, seeds=1, range_seeds=1, epochs=2)


def test_the_grid_runs_from_1e_5_to_31_6() -> None:
    assert Plan(rates_per_decade=2).learning_rates == pytest.approx([10 ** (-5 + index / 2) for index in range(14)])


def test_every_training_and_range_test_is_a_job_of_its_own() -> None:
    jobs = Plan.quick().jobs()
    assert len({job.key for job in jobs}) == len(jobs) == 3 * 2 * (2 + 14)


def test_cells_hold_the_trainings_and_the_range_tests(tmp_path: Path) -> None:
    cells = measure(SMALL, workers=1, results=tmp_path / "results.jsonl")
    assert [cell.grid.name for cell in cells] == ["breast-cancer/momentum", "breast-cancer/adam"]
    job = Job("training", "breast-cancer", "adam", 0, cells[1].grid.learning_rates[3], 2)
    assert cells[1].grid.losses[3] == do(job)["loss"]
    assert cells[1].grid.losses[0] > min(cells[1].grid.losses)
    assert [row.rule for row in table(cells)][:4] == ["valley", "steepest", "slide", "minimum_over_10"]


def test_a_bench_that_was_stopped_goes_on_where_it_was(tmp_path: Path) -> None:
    results = tmp_path / "results.jsonl"
    cells = measure(SMALL, workers=1, results=results)
    lines = results.read_text().splitlines(keepends=True)
    results.write_text("".join(lines[:-3]) + lines[-3][:20])
    said: list[str] = []
    assert measure(SMALL, workers=1, results=results, say=said.append) == cells
    assert said == [f"{len(lines) - 3} of {len(lines)} are done already", "3 of 3 trainings and range tests done"]


def test_a_file_that_holds_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("hello\nthere\n")
    with pytest.raises(BenchError, match="line 1 is no result of this bench: give another --results"):
        measure(SMALL, results=tmp_path / "notes")
