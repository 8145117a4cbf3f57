"""Real trainings as tables, and what methods are told to have found in them."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from tests.benchmarks.command import app
from tests.benchmarks.finder.run import Plan
from tests.benchmarks.made_up import write_small_trainings
from tests.benchmarks.processes import BenchError
from tests.benchmarks.search.real import RealComparison, compare_real
from tests.benchmarks.search.real_tables import chosen, read_tables, train_tables


@pytest.fixture
def data(tmp_path: Path) -> Path:
    write_small_trainings(tmp_path)
    return tmp_path


def test_a_short_training_has_its_own_loss_and_an_unknown_seed_that_of_the_first(data: Path) -> None:
    table = read_tables(data)[0]
    assert (table.task, table.optimizer, table.max_steps) == ("a", "adam", 400)
    assert table.train(1e-3, 400, 2) == pytest.approx(0.1)
    assert table.train(1e-3, 44, 2) == table.train(1e-3, 44, 0) == pytest.approx(0.1 * math.exp(0.0625))
    assert table.train(2.0, 133, 0) == math.inf
    assert table.over_best(1e-2) == pytest.approx(math.e)
    assert table.history == pytest.approx(10**-2.25)
    assert [t.task for t in chosen(read_tables(data), "kept")] == ["c", "c"]


def test_methods_are_told_with_cost_share_and_worst_case(data: Path) -> None:
    names = ("history", "random, 3 full", "9-3-1, ¼ decade a rung", "ladder", "ladder, no centre")
    rows = {row.method: row for row in compare_real(RealComparison(data, names), print)}
    assert [rows[name].cost for name in names[:3]] == [0.0, 3.0, 3.0]
    assert 3.0 < rows["ladder"].most <= 3.5
    assert rows["ladder"].within[0] == 1.0
    assert rows["ladder"].within[0] > rows["random, 3 full"].within[0]
    assert rows["history"].worst == pytest.approx(math.exp(0.75**2), rel=0.01)
    assert (rows["history"].cells, rows["history"].seeds) == (6, 3)
    assert rows["history"].covered is None
    assert rows["ladder"].covered == 1.0
    assert rows["ladder"].decades is not None
    assert 0.1 < rows["ladder"].decades < 1.0


def test_the_command_prints_json(data: Path) -> None:
    told = ["search", "--real", "--data", str(data), "--method", "ladder", "--seeds", "2", "--json"]
    result = CliRunner().invoke(app, told)
    assert result.exit_code == 0, result.output
    row = json.loads(result.stdout)["rows"][0]
    assert (row["method"], row["cells"], row["seeds"]) == ("ladder", 6, 2)
    missing = CliRunner().invoke(app, ["search"])
    assert missing.exit_code == 2
    assert "--data is missing" in missing.stderr


def test_built_in_tasks_are_trained_once(tmp_path: Path) -> None:
    plan, said = Plan(("breast-cancer",), ("momentum", "adam"), 1, 1, 1, 3), list[str]()
    first = train_tables(plan, 1, tmp_path / "kept.jsonl", said.append)
    again = train_tables(plan, 1, tmp_path / "kept.jsonl", said.append)
    assert [table.losses.shape for table in first] == [(7, 2, 1), (7, 2, 1)]
    assert all(np.array_equal(one.losses, other.losses) for one, other in zip(first, again, strict=True))
    assert said[-1] == "30 of 30 are done already"
    assert first[0].train(1e-2, 1, 0) > first[0].train(1e-2, 3, 0), "three epochs train further than one"


def test_wrong_names_and_files_are_told(data: Path, tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="no method 'best': use one of history"):
        compare_real(RealComparison(data, ("best",)), print)
    with pytest.raises(BenchError, match="no task 'mine': use one of digits"):
        compare_real(RealComparison(only=("mine",)), print)
    with pytest.raises(BenchError, match="holds no real trainings"):
        read_tables(tmp_path / "nothing")
