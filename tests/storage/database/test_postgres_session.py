"""Whatever a database's or a pooler's defaults are: the session is as we need it, or refused with the reason."""

from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import make_url, text

from lrtune.service.storage.database.database import Database
from lrtune.service.storage.engine.engine import open_engine
from lrtune.service.storage.errors import StorageUnsuitable
from lrtune.service.storage.maintenance.upgrade import check_can_open
from tests.support.engines import add_trial, new_study
from tests.support.pooler import pooled


def set_default(admin_url: str, url: str, setting: str, value: str) -> None:
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute(f"ALTER DATABASE {make_url(url).database} SET {setting} = '{value}'")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("setting", "hostile", "ours"),
    [
        ("DateStyle", "German, DMY", "ISO, MDY"),
        ("TimeZone", "Asia/Kolkata", "UTC"),
        ("extra_float_digits", "-10", "3"),
        ("client_encoding", "LATIN1", "UTF8"),
        ("synchronous_commit", "off", "on"),
        ("statement_timeout", "300ms", "30s"),
        ("lock_timeout", "1ms", "5s"),
        ("idle_in_transaction_session_timeout", "1s", "0"),
        ("default_transaction_isolation", "serializable", "read committed"),
        ("standard_conforming_strings", "off", "on"),
    ],
)
def test_a_default_of_the_database_changes_nothing(
    postgres_url: str, postgres_admin_url: str, setting: str, hostile: str, ours: str
) -> None:
    set_default(postgres_admin_url, postgres_url, setting, hostile)
    database = Database(postgres_url)
    with database.read() as connection:
        assert connection.execute(text(f"SHOW {setting}")).scalar() == ours
    database.close()


def test_a_commit_that_waits_for_more_than_its_own_disk_goes_on_to(postgres_url: str, postgres_admin_url: str) -> None:
    set_default(postgres_admin_url, postgres_url, "synchronous_commit", "remote_apply")
    database = Database(postgres_url)
    with database.read() as connection:
        assert connection.execute(text("SHOW synchronous_commit")).scalar() == "remote_apply"
    database.close()


def test_with_hostile_defaults_a_service_starts_and_keeps_what_it_is_given(
    postgres_url: str, postgres_admin_url: str
) -> None:
    for setting, value in [("DateStyle", "SQL, DMY"), ("TimeZone", "Asia/Kolkata"), ("extra_float_digits", "0")]:
        set_default(postgres_admin_url, postgres_url, setting, value)
    check_can_open(postgres_url)
    engine = open_engine(postgres_url)
    study = new_study(engine, "naïve-Ωμέγα")
    add_trial(engine, study).wait()
    with engine.change(study) as change:
        change.report(study.trials[0], 1, 0.1 + 0.2)
    change.wait()
    engine.close()
    engine = open_engine(postgres_url)
    assert engine.load_name("naïve-Ωμέγα").trials[0].intermediate == {1: 0.1 + 0.2}
    engine.close()


@pytest.fixture(params=["LATIN1", "SQL_ASCII"])
def other_encoding(request: pytest.FixtureRequest, postgres_admin_url: str) -> Iterator[str]:
    name = f"in_{request.param.lower()}"
    with psycopg.connect(postgres_admin_url, autocommit=True) as admin:
        made = f"CREATE DATABASE {name} ENCODING '{request.param}' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
        admin.execute(made)  # type: ignore[arg-type]
        url = make_url(postgres_admin_url).set(drivername="postgresql+psycopg", database=name)
        yield url.render_as_string(hide_password=False)
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")  # type: ignore[arg-type]


def test_a_database_that_cannot_hold_every_name_is_refused_at_the_start_with_the_way_out(other_encoding: str) -> None:
    for start in (check_can_open, open_engine):
        with pytest.raises(StorageUnsuitable, match=r"is encoded in .*ENCODING 'UTF8'.*lrtune db backup"):
            start(other_encoding)


def test_a_pooler_that_gives_every_transaction_another_session_is_refused_at_the_start(postgres_url: str) -> None:
    with pooled(postgres_url, per_transaction=True) as url:
        for start in (check_can_open, open_engine):
            with pytest.raises(StorageUnsuitable, match=r"pool mode to session"):
                start(url)


def test_a_pooler_that_gives_every_client_a_session_is_served_by(postgres_url: str) -> None:
    with pooled(postgres_url, per_transaction=False) as url:
        check_can_open(url)
        engine = open_engine(url)
        add_trial(engine, new_study(engine)).wait()
        engine.close()
