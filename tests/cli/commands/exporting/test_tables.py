"""`lrtune study export` of tables: a row a trial, a row a report."""

import csv
import io
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.calls import StudyCalls
from tests.api.conftest import create, serving
from tests.cli.conftest import Lrtune
from tests.support.at_port import at_port

SPACE = {
    "learning_rate": {"type": "float", "low": 1e-5, "high": 1.0, "log": True},
    "layers": {"type": "int", "low": 1, "high": 4},
    "nesterov": {"type": "categorical", "choices": [True, False]},
    "clip": {"type": "categorical", "choices": ["no", 1, 0.5]},
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[StudyCalls, str]]:
    with serving(f"sqlite:///{tmp_path_factory.mktemp('export')}/lrtune.db") as client, at_port(client) as address:
        study = create(client, search_space=SPACE, max_steps=9, sampler={"name": "random"}, pruner={"name": "none"})
        for state in ("complete", "diverged", "failed"):
            trial = study.lease(worker="=cmd()")
            study.verdict(trial, (1, 2.0), (2, "nan" if state == "diverged" else 0.5))
            study.finish(trial, state)
        study.lease()
        yield study, address


@pytest.fixture
def study(served: tuple[StudyCalls, str], monkeypatch: pytest.MonkeyPatch) -> StudyCalls:
    monkeypatch.setenv("LRTUNE_SERVER", served[1])
    return served[0]


def test_a_csv_has_a_row_a_trial(study: StudyCalls, lrtune: Lrtune, tmp_path: Path) -> None:
    file = tmp_path / "trials.csv"
    ran = lrtune("study", "export", study.name, "-o", str(file))
    assert (ran.code, ran.out) == (0, "")
    assert ran.err == f"wrote the trials of study {study.name} to {file}\n"
    rows = list(csv.DictReader(file.read_text().splitlines()))
    shown = study.trials()
    assert [row["state"] for row in rows] == ["complete", "diverged", "failed", "running"]
    for row, trial in zip(rows, shown, strict=True):
        assert float(row["params_learning_rate"]) == trial["params"]["learning_rate"]
        assert row["params_nesterov"] == ("true" if trial["params"]["nesterov"] else "false")
        assert row["value"] == ("" if trial["value"] is None else repr(trial["value"]))
    assert rows[0]["worker"] == "'=cmd()", "a spreadsheet would run it"
    assert [path.name for path in tmp_path.iterdir()] == ["trials.csv"]


def test_the_curves_are_a_row_a_report_on_standard_output(study: StudyCalls, lrtune: Lrtune) -> None:
    ran = lrtune("study", "export", study.name, "--format", "csv", "--curves")
    assert ran.code == 0
    rows = list(csv.reader(io.StringIO(ran.out)))
    assert rows[0] == ["trial", "step", "value"]
    first, second = ["1", "2.0"], ["2", "0.5"]
    assert rows[1:] == [["0", *first], ["0", *second], ["1", *first], ["1", "2", "nan"], ["2", *first], ["2", *second]]


def test_parquet_has_the_same_rows_with_types(study: StudyCalls, lrtune: Lrtune, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    trials, curves = tmp_path / "trials.parquet", tmp_path / "curves"
    assert lrtune("study", "export", study.name, "-o", str(trials)).code == 0
    assert lrtune("study", "export", study.name, "--curves", "--format", "parquet", "-o", str(curves)).code == 0
    table = parquet.read_table(trials)
    kinds = {field.name: str(field.type) for field in table.schema}
    assert kinds["params_learning_rate"] == "double"
    assert kinds["params_layers"] == "int64"
    assert kinds["params_nesterov"] == "bool"
    assert kinds["params_clip"] == "string"
    assert kinds["datetime_start"] == "timestamp[us, tz=UTC]"
    for row, trial in zip(table.to_pylist(), study.trials(), strict=True):
        params = trial["params"]
        assert (row["params_layers"], row["params_nesterov"]) == (params["layers"], params["nesterov"])
        assert row["params_clip"] == str(params["clip"])
        assert row["worker"] == trial["worker"]
    assert parquet.read_table(curves).num_rows == 6


def test_without_pyarrow_the_error_names_the_extra_and_no_file_is_left(
    study: StudyCalls, lrtune: Lrtune, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    ran = lrtune("study", "export", study.name, "-o", str(tmp_path / "t.parquet"))
    assert ran.code == 2
    assert ran.err == "lrtune: this command needs pyarrow: pip install 'lrtune[parquet]'\n"
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_not_replaced_by_half_an_export(study: StudyCalls, lrtune: Lrtune, tmp_path: Path) -> None:
    file = tmp_path / "trials.csv"
    file.write_text("as it was")
    ran = lrtune("study", "export", "no-such-study", "-o", str(file))
    assert ran.code == 1
    assert "there is no study 'no-such-study'" in ran.err
    assert file.read_text() == "as it was"
    assert [path.name for path in tmp_path.iterdir()] == ["trials.csv"]


def test_a_place_that_cannot_be_written_is_one_line(study: StudyCalls, lrtune: Lrtune, tmp_path: Path) -> None:
    ran = lrtune("study", "export", study.name, "-o", str(tmp_path / "absent" / "t.csv"))
    assert ran.code == 1
    assert ran.err.count("\n") == 1
    assert "cannot be written (No such file or directory): name another file with -o" in ran.err


def test_another_format_is_refused(study: StudyCalls, lrtune: Lrtune) -> None:
    ran = lrtune("study", "export", study.name, "--format", "xlsx")
    assert ran.code == 2
    assert "'xlsx' is none of" in ran.err
