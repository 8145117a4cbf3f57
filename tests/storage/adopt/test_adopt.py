"""Taking over databases that Optuna 2 and 4 wrote (dumps of real ones), and Optuna 5.

Each trial of the dumps says in its user attributes when it really started and ended, in seconds since the epoch.
"""

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import optuna
import pytest
from optuna.trial import TrialState
from sqlalchemy import create_engine, make_url, select, text
from sqlalchemy.exc import DBAPIError

import lrtune.service.storage.adopt.adopt as adopt_module
from lrtune.service.storage.adopt.adopt import Outcome, Wanted, adopt, plan
from lrtune.service.storage.adopt.zones import Converter, Zones, parse_zones
from lrtune.service.storage.database.database import Database
from lrtune.service.storage.engine.engine import open_engine
from lrtune.service.storage.errors import SchemaMismatch, StorageError, WriterBusy
from lrtune.service.storage.maintenance import adoption_record, upgrade
from lrtune.service.storage.maintenance.check import check
from lrtune.service.storage.memory.actor import Actor, acting
from lrtune.service.storage.schema import optuna_tables
from lrtune.service.storage.schema.tables import audit
from lrtune.service.wire.trials import Ask, LeasedTrial
from tests.conftest import new_postgres
from tests.support.filled import content, fill, load_old
from tests.support.tuning import Tuning

BERLIN = Wanted(zones=parse_zones(["Europe/Berlin"]))
NOW = 1_800_000_000.0


@pytest.fixture(scope="module")
def old_postgres(postgres_admin_url: str) -> Iterator[str]:
    with new_postgres(postgres_admin_url) as url:
        load_old("optuna-4.9.sql", url)
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def old_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """What Optuna 4.9 wrote in Berlin, in the night when clocks went back."""
    if request.param == "sqlite":
        load_old("optuna-4.9.sql", f"sqlite:///{tmp_path}/lrtune.db")
        yield f"sqlite:///{tmp_path}/lrtune.db"
        return
    original = make_url(request.getfixturevalue("old_postgres")).database
    with new_postgres(request.getfixturevalue("postgres_admin_url"), original) as url:
        yield url


@pytest.fixture(params=["UTC", "Asia/Kolkata", "America/New_York"])
def machine_in(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with monkeypatch.context() as patched:
        patched.setenv("TZ", request.param)
        time.tzset()
        yield request.param
    time.tzset()


def trials_of(url: str) -> list[optuna.trial.FrozenTrial]:
    """All trials, as the installed Optuna reads them."""
    storage = optuna.storages.RDBStorage(url)
    trials = [trial for study in storage.get_all_studies() for trial in storage.get_all_trials(study._study_id)]
    storage.remove_session()
    storage.engine.dispose()
    return trials


def assert_times_are_true(url: str) -> None:
    checked = 0
    for trial in trials_of(url):
        for moment, epoch in (
            (trial.datetime_start, trial.user_attrs.get("started_epoch")),
            (trial.datetime_complete, trial.user_attrs.get("completed_epoch")),
        ):
            if epoch is not None:
                assert moment is not None
                # Optuna gives the machine's local time, and knows not which of two hours it is.
                assert epoch in {moment.replace(fold=fold).timestamp() for fold in (0, 1)}
                checked += 1
    assert checked > 5
    engine = create_engine(url)
    with engine.connect() as connection:
        for row in connection.execute(
            text(
                "select t.datetime_start as start, a.value_json as epoch from trials t join trial_user_attributes a "
                "on a.trial_id = t.trial_id and a.key = 'started_epoch'"
            )
        ):
            start = datetime.fromisoformat(str(row.start)).replace(tzinfo=UTC)
            assert start.timestamp() == float(row.epoch)
    engine.dispose()


def fates(outcome: Outcome) -> dict[str, str | None]:
    assert outcome.studies is not None
    return {study.name: study.why_not for study in outcome.studies}


# Times


def test_local_times_of_optuna_4_become_utc_wherever_the_adopting_machine_is(machine_in: str, old_url: str) -> None:
    outcome = adopt(old_url, BERLIN, NOW)
    assert (outcome.set_up_by, outcome.times, outcome.trials_converted) == ("4.9.0", "local", 13)
    assert outcome.ambiguous_times == 4  # Trials 2 and 3 of study digits, in the hour that came twice.
    assert_times_are_true(old_url)
    assert check(old_url).findings == []


@pytest.mark.parametrize("machine_in", ["Europe/Berlin"], indirect=True)
def test_without_a_zone_the_machines_own_is_taken(machine_in: str, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/old.db"
    load_old("optuna-4.9.sql", url)
    outcome = adopt(url, Wanted(), NOW)
    assert "CE" in outcome.timezones[""]
    assert_times_are_true(url)


def test_times_are_converted_once_only(old_url: str) -> None:
    adopt(old_url, BERLIN, NOW)
    before = content(old_url)
    again = adopt(old_url, BERLIN, NOW + 5)
    assert (again.already_converted, again.trials_converted, fates(again).get("digits", "gone")) == (True, 0, "gone")
    assert content(old_url) == before
    with pytest.raises(StorageError, match="dealt with already"):
        adopt(old_url, Wanted(times="utc"), NOW)


def test_a_plan_says_the_same_and_changes_nothing(old_url: str) -> None:
    before = content(old_url)
    planned = plan(old_url, BERLIN, NOW)
    assert content(old_url) == before
    assert adopt(old_url, BERLIN, NOW) == planned
    assert planned.example is not None
    assert (planned.example.stored.hour, planned.example.utc.hour) == (0, 22)


def test_an_adoption_that_fails_half_way_is_finished_by_the_next(old_url: str) -> None:
    """The database refuses the first spec, after all times have been made UTC in the same transaction."""
    refusing = REFUSE_SPECS[make_url(old_url).get_backend_name()]
    engine = create_engine(old_url)
    with engine.begin() as connection:
        upgrade.upgrade_ours(connection)
        for statement in refusing:
            connection.exec_driver_sql(statement)
    with pytest.raises(DBAPIError, match="no specs today"):
        adopt(old_url, BERLIN, NOW)
    with pytest.raises(SchemaMismatch, match="lrtune db adopt"):
        open_engine(old_url)
    with engine.begin() as connection:
        on_table = " on lrtune_studies" if engine.dialect.name == "postgresql" else ""
        connection.exec_driver_sql(f"drop trigger refusing{on_table}")
    engine.dispose()
    adopt(old_url, BERLIN, NOW)
    assert_times_are_true(old_url)


REFUSE_SPECS = {
    "sqlite": [
        "create trigger refusing before insert on lrtune_studies begin select raise(abort, 'no specs today'); end"
    ],
    "postgresql": [
        "create function refuse() returns trigger language plpgsql as "
        "$$ begin raise exception 'no specs today'; end $$",
        "create trigger refusing before insert on lrtune_studies for each row execute function refuse()",
    ],
}


def test_a_database_of_an_older_schema_is_upgraded_by_optuna_and_its_times_are_still_known_to_be_local(
    tmp_path: Path,
) -> None:
    url = f"sqlite:///{tmp_path}/old.db"
    load_old("optuna-2.10.sql", url)
    wanted = Wanted(zones=parse_zones(["America/New_York"]))
    planned = plan(url, wanted, NOW)
    assert (planned.optuna_schema, planned.studies, planned.trials_converted) == ("v2.6.0.a", None, 3)
    outcome = adopt(url, wanted, NOW)
    assert fates(outcome) == {"old": None}
    assert_times_are_true(url)
    assert check(url).findings == []
    assert adopt(url, wanted, NOW).already_converted


def test_times_that_were_upgraded_by_optuna_5_before_are_converted_when_told(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/old.db"
    load_old("optuna-2.10.sql", url)
    optuna_tables.upgrade_tables(url)
    wanted = Wanted(zones=parse_zones(["America/New_York"]), times="local")
    assert plan(url, Wanted(), NOW).times == "utc"
    adopt(url, wanted, NOW)
    assert_times_are_true(url)


def test_times_of_optuna_5_stay(storage_url: str) -> None:
    storage = optuna.storages.RDBStorage(storage_url)
    study = optuna.create_study(storage=storage, study_name="five")
    study.optimize(lambda trial: trial.suggest_float("lr", 1e-5, 1, log=True), n_trials=2)
    storage.remove_session()
    storage.engine.dispose()
    before = content(storage_url)
    outcome = adopt(storage_url, BERLIN, time.time())
    assert (outcome.times, outcome.trials_converted, fates(outcome)) == ("utc", 0, {"five": None})
    after = content(storage_url)
    assert all(after[name] == rows for name, rows in before.items())


def test_a_trial_that_lrtune_has_run_keeps_its_time(storage_url: str) -> None:
    """A database that an lrtune before `adopt` served, though Optuna 4 had set it up."""
    load_old("optuna-4.9.sql", storage_url)
    engine = create_engine(storage_url)
    with engine.begin() as connection:
        connection.execute(text("update version_info set library_version = '5.0.0'"))
    fill(storage_url)
    with engine.begin() as connection:
        connection.execute(text("update version_info set library_version = '4.9.0'"))
    ours = text("select trial_id, datetime_start from trials where trial_id in (select trial_id from lrtune_trials)")
    with engine.connect() as connection:
        before = connection.execute(ours).all()
    adopt(storage_url, BERLIN, time.time() + 86_400)
    with engine.connect() as connection:
        assert connection.execute(ours).all() == before
    engine.dispose()


def test_a_zone_that_puts_trials_into_the_future_is_refused(old_url: str) -> None:
    before = content(old_url)
    an_hour_after_the_last = datetime(2024, 10, 27, 9, 50, tzinfo=UTC).timestamp()
    with pytest.raises(StorageError, match=r"in the future.*--timezone.*--times utc"):
        adopt(old_url, Wanted(zones=parse_zones(["America/New_York"])), an_hour_after_the_last)
    assert content(old_url) == before
    adopt(old_url, BERLIN, an_hour_after_the_last)


def test_studies_that_were_written_elsewhere_have_zones_of_their_own(old_url: str) -> None:
    zones = parse_zones(["Europe/Berlin", "empty=Asia/Tokyo", "bounds-moved=America/New_York"])
    adopt(old_url, Wanted(zones=zones), NOW)
    starts = {
        trial.user_attrs["started_epoch"] - trial.datetime_start.timestamp()
        for trial in trials_of(old_url)
        if trial.datetime_start is not None and set(trial.params) == {"lr"} and trial.datetime_complete is not None
    }
    assert -5 * 3600 in starts  # Berlin's 08:25 CET read as New York's 08:25 EDT: 12:25 UTC in place of 07:25.
    with pytest.raises(StorageError, match="does not have"):
        adopt(old_url, Wanted(zones=parse_zones(["none=Asia/Tokyo"])), NOW)


@pytest.mark.parametrize("name", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "UTC"])
def test_every_moment_of_a_year_survives_local_time_and_back(name: str) -> None:
    zone = ZoneInfo(name)
    converter = Converter(zone)
    first = datetime(2024, 1, 1, tzinfo=UTC).timestamp()
    for ten_minutes in range(6 * 24 * 366):
        moment = first + ten_minutes * 600
        local = datetime.fromtimestamp(moment, zone).replace(tzinfo=None, fold=0)
        start, end = converter.convert(local, None, queued=False)
        assert start is not None
        assert start.replace(tzinfo=UTC).timestamp() == moment
        assert end is None


@pytest.mark.parametrize("text", ["Nowhere/City", "", "../../etc/passwd", "x=Nowhere/City"])
def test_an_unknown_zone_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="Europe/Berlin"):
        parse_zones([text])


def test_two_zones_for_all_studies_are_refused() -> None:
    with pytest.raises(ValueError, match="STUDY=NAME"):
        parse_zones(["Europe/Berlin", "UTC"])
    assert parse_zones([]) == Zones()


# Studies


def test_a_study_goes_on_over_http_with_the_space_its_trials_had(old_url: str) -> None:
    outcome = adopt(old_url, BERLIN, NOW)
    reasons = fates(outcome)
    assert dict.fromkeys(("digits", "bounds-moved")).items() <= reasons.items()
    assert "2 objectives" in str(reasons["two-objectives"])
    assert "name" in str(reasons["a name with spaces"])
    assert "no trial has parameters" in str(reasons["empty"])
    with Tuning(old_url) as tuning:
        study = tuning.run(tuning.studies.get("digits"))
        assert study.spec is not None
        space = {name: p.model_dump(exclude_none=True) for name, p in study.spec.search_space.items()}
        assert space == {
            "learning_rate": {"type": "float", "low": 1e-5, "high": 1.0, "log": True},
            "optimizer": {"type": "categorical", "choices": ["sgd", "adam"]},
            "layers": {"type": "int", "low": 1, "high": 9, "log": False, "step": 1},
            "momentum": {
                **{"type": "float", "low": 0.0, "high": 0.9, "log": False, "step": 0.1},
                "when": {"optimizer": ["sgd"]},
            },
        }
        assert (study.spec.metric, study.spec.direction, study.max_trials) == ("val_loss", "minimize", None)
        assert len(study.trials) == 10
        first = tuning.run(tuning.trials.ask("digits", Ask(worker="w", request_id="1")))
        second = tuning.run(tuning.trials.ask("digits", Ask(worker="w", request_id="2")))
        assert isinstance(first, LeasedTrial)
        assert isinstance(second, LeasedTrial)
        assert first.number == 9  # The one that was waiting.
        assert first.params["learning_rate"] == 0.1
        assert second.number == 10
        moved = tuning.run(tuning.studies.get("bounds-moved"))
        assert moved.spec is not None
        assert moved.spec.search_space["lr"].model_dump(include={"low", "high"}) == {"low": 1e-4, "high": 1e-1}
        assert moved.spec.direction == "maximize"
    assert check(old_url).findings == []


def test_trials_left_running_are_ended_only_when_asked_to(old_url: str) -> None:
    adopt(old_url, BERLIN, NOW)
    assert [trial.number for trial in trials_of(old_url) if trial.state is TrialState.RUNNING] == [8]
    outcome = adopt(old_url, Wanted(fail_running=True), NOW)
    assert outcome.trials_failed == 1
    assert not [trial for trial in trials_of(old_url) if trial.state is TrialState.RUNNING]
    assert check(old_url).findings == []


@pytest.mark.parametrize(
    ("suggest", "why"),
    [
        (lambda t: t.suggest_float("lr", 0.0, 1.0), "low must be > 0"),
        (lambda t: t.suggest_float("x", 0, 1, step=0.5 if t.number % 2 else 0.25), "another scale or step"),
        (lambda t: t.suggest_float("a", 0, 1) if t.number % 2 else t.suggest_float("b", 0, 1), "cannot be told when"),
        (lambda t: t.suggest_float("a b", 0, 1), "pattern"),
    ],
)
def test_a_study_that_lrtune_cannot_express_is_left_to_optuna_with_the_reason(
    tmp_path: Path, suggest: "optuna.study.study.ObjectiveFuncType", why: str
) -> None:
    url = f"sqlite:///{tmp_path}/five.db"
    storage = optuna.storages.RDBStorage(url)
    study = optuna.create_study(storage=storage, study_name="odd")
    for _ in range(4):
        trial = study.ask()
        suggest(trial)
        study.tell(trial, 1.0)
    storage.remove_session()
    storage.engine.dispose()
    outcome = adopt(url, Wanted(), NOW)
    assert why in str(fates(outcome)["odd"])
    with Tuning(url) as tuning:
        assert tuning.engine.load_name("odd").spec is None


# What is not adopted


def test_a_database_that_a_service_writes_is_not_adopted(storage_url: str) -> None:
    engine = open_engine(storage_url)
    with pytest.raises(WriterBusy, match="stop it"):
        adopt(storage_url, Wanted(), NOW)
    engine.close()


def test_what_is_no_database_of_optunas_is_refused_and_not_made(tmp_path: Path, postgres_url: str) -> None:
    for url in (f"sqlite:///{tmp_path}/none.db", postgres_url):
        with pytest.raises(StorageError):
            adopt(url, Wanted(), NOW)
    assert os.listdir(tmp_path) == []
    assert content(postgres_url) == {}


def test_an_adopted_database_says_so(old_url: str) -> None:
    adopt(old_url, BERLIN, NOW)
    database = Database(old_url)
    with database.read() as connection:
        note = adoption_record.read(connection)
    database.close()
    assert note == adoption_record.Adoption("4.9.0", "local", {"": "Europe/Berlin"}, 13, NOW, NOW)


def test_two_adoptions_at_once_shift_times_once(old_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other one begins and ends after this one has looked, and before it has the lock."""

    class OtherIsFaster(Database):
        def acquire(self) -> None:
            monkeypatch.setattr(adopt_module, "Database", Database)
            adopt(old_url, BERLIN, NOW)
            super().acquire()

    monkeypatch.setattr(adopt_module, "Database", OtherIsFaster)
    assert adopt(old_url, BERLIN, NOW).already_converted
    assert_times_are_true(old_url)


def test_who_adopts_a_study_is_kept_and_stays_kept_when_it_is_adopted_again(old_url: str) -> None:
    with acting(Actor("anna", via="command")):
        adopted = adopt(old_url, BERLIN, NOW)
        adopt(old_url, Wanted(), NOW)
    engine = create_engine(old_url)
    with engine.connect() as connection:
        entries = connection.execute(select(audit)).all()
    engine.dispose()
    assert {entry.subject for entry in entries} == {one.name for one in adopted.studies or () if one.spec is not None}
    assert len({entry.subject for entry in entries}) == len(entries) > 0
    assert {(entry.actor, entry.via, entry.action) for entry in entries} == {("anna", "command", "study.adopt")}
