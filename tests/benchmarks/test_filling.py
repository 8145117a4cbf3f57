"""A filled database is one that stock Optuna and lrtune both read, and go on writing."""

import optuna
import pytest
from optuna.storages import RDBStorage

from lrtune.service.storage.database.database import Database
from lrtune.service.storage.sql.reading.studies import load_study
from tests.benchmarks.filling import HIGH, LOW, PARAMETER, STEPS, fill, spec_of

COUNT = 25


@pytest.fixture
def filled_url(storage_url: str) -> str:
    fill(storage_url, [(spec_of("one", "random"), COUNT), (spec_of("two", "tpe"), 3)])
    return storage_url


def test_stock_optuna_reads_it(filled_url: str) -> None:
    trials = optuna.load_study(storage=filled_url, study_name="one").get_trials()
    assert [trial.number for trial in trials] == list(range(COUNT))
    for trial in trials:
        assert trial.state.name == "COMPLETE"
        assert LOW <= trial.params[PARAMETER] <= HIGH
        assert sorted(trial.intermediate_values) == list(range(1, STEPS + 1))
        assert trial.intermediate_values[STEPS] == trial.value
        assert trial.datetime_start is not None
        assert trial.datetime_complete is not None
        assert trial.datetime_start < trial.datetime_complete


def test_lrtune_reads_what_stock_optuna_reads(filled_url: str) -> None:
    stock = RDBStorage(filled_url).get_all_trials(1)
    database = Database(filled_url)
    try:
        with database.read() as connection:
            study = load_study(connection, 1)
    finally:
        database.close()
    assert study is not None
    assert study.spec == spec_of("one", "random")
    assert study.tally.outcomes["complete"] == COUNT
    assert [trial.freeze() for trial in study.trials] == stock


def test_stock_optuna_goes_on_where_the_filling_ended(filled_url: str) -> None:
    study = optuna.load_study(storage=filled_url, study_name="two")
    trial = study.ask()
    trial.suggest_float(PARAMETER, LOW, HIGH, log=True)
    trial.report(0.5, 1)
    study.tell(trial, 0.5)
    assert study.trials[3].value == 0.5
