"""`bench search` from the command line."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from tests.benchmarks.command import app


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rates = np.geomspace(1e-4, 1e-1, 24)
    ends = 1.0 + (np.log10(rates) + 2.0) ** 2
    folder = tmp_path / "data" / "lcbench-lr"
    folder.mkdir(parents=True)
    for name in ("one", "two"):
        np.savez(
            folder / f"{name}.npz",
            names=np.array(["learning_rate"]),
            bounds=np.array([[1e-4, 1e-1]]),
            scale=np.array(["log"]),
            configs=rates[:, None],
            loss=ends[:, None] + np.linspace(1.0, 0.0, 10),
            best=ends.min(),
            reference=np.median(ends),
        )
    return tmp_path / "data"


def test_it_prints_a_table_and_json_and_keeps_what_it_ran(data: Path, tmp_path: Path) -> None:
    options = ["search", "--data", str(data), "--suite", "lcbench-lr", "--method", "random", "--method", "auto-pausing"]
    options += ["--seeds", "2", "--trainings", "5", "-j", "1", "--out", str(tmp_path / "out")]
    shown = CliRunner().invoke(app, options)
    assert shown.exit_code == 0, shown.output
    assert "auto-pausing" in shown.output
    assert "after 5" in shown.output
    printed = json.loads(CliRunner().invoke(app, [*options, "--json"]).stdout)
    assert printed["marks"] == [3, 5]
    assert [row["method"] for row in printed["rows"]] == ["random", "auto-pausing"]
    assert printed["rows"][0]["tasks"] == 2
    assert len(list((tmp_path / "out").rglob("*.json"))) == 8


def test_a_wrong_suite_is_told_in_one_line(data: Path) -> None:
    shown = CliRunner().invoke(app, ["search", "--data", str(data), "--suite", "mine"])
    assert shown.exit_code == 1
    assert "there is no suite 'mine': use one of deepobs" in shown.output
