"""A study's tables in pandas, from a real service, beside those that Optuna makes of the same database."""

import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest

from lrtune import Client
from lrtune.trainers.client.study import StudyHandle
from tests.api.calls import SPACE, StudyCalls
from tests.api.conftest import create, serving
from tests.support.at_port import at_port

URL = "sqlite:///{}/lrtune.db"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tables")


@pytest.fixture(scope="module")
def calls(folder: Path) -> Iterator[StudyCalls]:
    """A study of six trials: of every end, one that waits with a checkpoint, one that runs."""
    with serving(URL.format(folder)) as client:
        study = create(client, search_space=SPACE, max_steps=9, sampler={"name": "random"}, pruner={"name": "none"})
        for state in ("complete", "pruned", "diverged", "failed"):
            trial = study.lease()
            study.verdict(trial, (1, 2.0), (2, "nan" if state == "diverged" else 1.5 + trial["number"]))
            more = {"error": "ValueError: no"} if state == "failed" else {}
            study.finish(trial, state, **more)
        waiting = study.lease()
        study.verdict(waiting, (1, 2.0), checkpoint={"uri": "file:///c", "step": 1})
        assert study.release(waiting).status_code == 200
        study.post("/trials/enqueue", {"params": {"learning_rate": 0.01}})
        study.lease()
        yield study


@pytest.fixture(scope="module")
def study(calls: StudyCalls) -> Iterator[StudyHandle]:
    with at_port(calls.client) as address, Client(address) as client:
        yield client.study(calls.name)


def test_the_table_of_trials_has_optunas_columns_with_what_optuna_has_in_them(study: StudyHandle, folder: Path) -> None:
    pandas = pytest.importorskip("pandas")
    ours = study.trials_dataframe()
    stock = optuna.load_study(study_name=study.name, storage=URL.format(folder)).trials_dataframe()
    stock = stock.rename(columns={"value_loss": "value"})  # It adds the metric's name where a study has told it.
    same = [name for name in stock.columns if not name.startswith(("user_attrs", "system_attrs"))]
    assert set(same) <= set(ours.columns)
    assert {"number", "value", "datetime_start", "datetime_complete", "duration", "state"} <= set(same)
    ended = stock["state"].isin(["COMPLETE", "FAIL"])
    for name in ("number", *(name for name in same if name.startswith("params_"))):
        pandas.testing.assert_series_equal(ours[name][ended], stock[name][ended], check_dtype=False, check_index=False)
    assert ours["number"].dtype == stock["number"].dtype
    assert ours["value"][0] == stock["value"][0] == 1.5
    began = pandas.to_datetime(stock["datetime_start"]).dt.tz_localize(None)
    assert abs((ours["datetime_start"].dt.tz_localize(None) - began).dt.total_seconds().dropna() % 900).max() < 1e-3
    assert (ours["duration"].dropna() - stock["duration"].dropna()).abs().dt.total_seconds().max() < 1e-5


def test_the_table_of_trials_has_what_lrtune_knows_besides(study: StudyHandle, calls: StudyCalls) -> None:
    pytest.importorskip("pandas")
    table = study.trials_dataframe()
    shown = calls.trials()
    assert list(table["state"]) == [trial["state"] for trial in shown]
    assert list(table["number"]) == list(range(len(shown)))
    assert table["error"][3] == "ValueError: no"
    assert table["error"].isna().sum() == len(shown) - 1
    assert (table["checkpoint_uri"][4], table["checkpoint_step"][4]) == ("file:///c", 1)
    assert [None if math.isnan(v) else v for v in table["value"]] == [trial["value"] for trial in shown]
    assert str(table["datetime_start"].dtype) == "datetime64[us, UTC]"


def test_the_table_of_curves_has_a_row_a_report(study: StudyHandle, calls: StudyCalls) -> None:
    pytest.importorskip("pandas")
    table = study.curves_dataframe()
    rows = [tuple(row) for row in table.itertuples(index=False)]
    expected: list[Any] = [
        (trial["number"], point["step"], point["value"])
        for trial in calls.trials()
        for point in calls.trial(trial["number"])["curve"]
    ]
    assert [(t, s, "nan" if math.isnan(v) else v) for t, s, v in rows] == expected
    assert [str(kind) for kind in table.dtypes] == ["int64", "int64", "float64"]


def test_the_tables_of_an_empty_study_have_their_columns(calls: StudyCalls, study: StudyHandle) -> None:
    pytest.importorskip("pandas")
    empty = create(calls.client, search_space=SPACE)
    with Client(study._connection.server) as client:
        handle = client.study(empty.name)
        assert list(handle.trials_dataframe().columns) == list(study.trials_dataframe().columns)
        assert handle.curves_dataframe().shape == (0, 3)


def test_without_pandas_the_error_names_the_extra(study: StudyHandle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    for table in (study.trials_dataframe, study.curves_dataframe):
        with pytest.raises(ImportError, match=r"pip install 'lrtune\[dataframe\]'"):
            table()
