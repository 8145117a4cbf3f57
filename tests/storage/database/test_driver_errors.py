"""What real databases raise, told by class and code: locked, full, read-only, damaged, refused, gone."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Connection, create_engine, make_url, text
from sqlalchemy.exc import DBAPIError

from lrtune.service.storage.database.driver_errors import (
    Cause,
    cause_of,
    first_line,
    is_held_up,
    is_refusal,
    is_unstorable,
    told_as_unavailable,
    unavailable,
)
from lrtune.service.storage.errors import StorageUnavailable

INSERT = "INSERT INTO studies (study_id, study_name) VALUES ({}, {})"


@contextmanager
def connected(url: str, **options: object) -> Iterator[Connection]:
    engine = create_engine(url, connect_args=options)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def raised_by(connection: Connection, statement: str) -> DBAPIError:
    with pytest.raises(DBAPIError) as caught:
        connection.execute(text(statement))
    return caught.value


def test_a_lock_of_another_process_on_sqlite(filled_sqlite_url: str) -> None:
    with connected(filled_sqlite_url, timeout=0) as connection, connected(filled_sqlite_url) as neighbour:
        neighbour.exec_driver_sql("BEGIN IMMEDIATE")
        error = raised_by(connection, "DELETE FROM studies")
    assert cause_of(error) is Cause.LOCKED
    assert not is_refusal(error)


def test_a_snapshot_that_another_process_wrote_past_is_locked_too(filled_sqlite_url: str) -> None:
    """SQLITE_BUSY_SNAPSHOT, an extended code."""
    with connected(filled_sqlite_url, timeout=0) as connection, connected(filled_sqlite_url) as neighbour:
        connection.exec_driver_sql("PRAGMA journal_mode=WAL")
        connection.exec_driver_sql("BEGIN")
        connection.exec_driver_sql("SELECT count(*) FROM studies").scalar()
        neighbour.execute(text("UPDATE studies SET study_name = study_name || 'x'"))
        neighbour.commit()
        error = raised_by(connection, "DELETE FROM studies")
    assert isinstance(error.orig, sqlite3.OperationalError)
    assert error.orig.sqlite_errorname == "SQLITE_BUSY_SNAPSHOT"
    assert cause_of(error) is Cause.LOCKED


def test_a_lock_that_is_not_waited_for_on_postgresql(filled_postgres_url: str) -> None:
    with connected(filled_postgres_url) as connection, connected(filled_postgres_url) as neighbour:
        neighbour.exec_driver_sql("LOCK TABLE studies")
        error = raised_by(connection, "LOCK TABLE studies NOWAIT")
    assert cause_of(error) is Cause.LOCKED


def test_a_full_disk(filled_sqlite_url: str) -> None:
    with connected(filled_sqlite_url) as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        error = raised_by(connection, "CREATE TABLE large AS SELECT zeroblob(1000000)")
    assert cause_of(error) is Cause.FULL
    assert "has no room left on its disk" in str(unavailable(error, "sqlite:///x"))


def test_a_database_that_takes_no_writes(filled_url: str) -> None:
    with connected(filled_url) as connection:
        read_only = "PRAGMA query_only = ON" if "sqlite" in filled_url else "SET TRANSACTION READ ONLY"
        connection.exec_driver_sql(read_only)
        error = raised_by(connection, INSERT.format(99, "'s'"))
    assert cause_of(error) is Cause.READ_ONLY
    assert not is_refusal(error)


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "notes.db").write_text("not a database, but as long as a page's header" * 100)
    with connected(f"sqlite:///{tmp_path}/notes.db") as connection:
        assert cause_of(raised_by(connection, "SELECT * FROM studies")) is Cause.DAMAGED


@pytest.mark.parametrize("values", [(1, "'another'"), (99, "NULL"), (99, "repeat('x', 600)")])
def test_a_row_that_postgresql_refuses(filled_postgres_url: str, values: tuple[int, str]) -> None:
    with connected(filled_postgres_url) as connection:
        error = raised_by(connection, INSERT.format(*values))
    assert is_refusal(error)
    assert is_unstorable(error) is (values[0] == 99), "a name that is taken may be free again"
    assert "INSERT" not in first_line(error), "without the statement and its parameters"


def test_a_row_that_sqlite_refuses(filled_sqlite_url: str) -> None:
    with connected(filled_sqlite_url) as connection:
        taken = raised_by(connection, INSERT.format(1, "'another'"))
        connection.rollback()
        empty = raised_by(connection, INSERT.format(99, "NULL"))
    assert is_refusal(taken)
    assert not is_unstorable(taken)
    assert is_unstorable(empty)


def test_a_row_that_cannot_even_be_sent_is_to_blame(filled_sqlite_url: str) -> None:
    with connected(filled_sqlite_url) as connection, pytest.raises(OverflowError) as caught:
        connection.exec_driver_sql("DELETE FROM studies WHERE study_id = ?", (2**70,))
    assert is_refusal(caught.value)
    assert is_unstorable(caught.value)


UNSTORABLE_IN_POSTGRESQL = [
    "SELECT 3000000000::integer",
    "SELECT chr(0)",
    "SELECT 'x'::integer",
    "SELECT convert_from('\\xff', 'UTF8')",
    "INSERT INTO study_user_attributes (study_id, key) SELECT 1, repeat('x', 600)",
    "CREATE TABLE narrow (t text UNIQUE); INSERT INTO narrow SELECT string_agg(random()::text, '') FROM "
    "generate_series(1, 2000)",
]


@pytest.mark.parametrize("statement", UNSTORABLE_IN_POSTGRESQL)
def test_what_postgresql_can_never_keep_is_no_collision_and_no_lost_database(
    filled_postgres_url: str, statement: str
) -> None:
    with connected(filled_postgres_url) as connection:
        error = raised_by(connection, statement)
    assert is_unstorable(error)
    assert is_refusal(error)
    assert not is_held_up(error)


@pytest.mark.parametrize("setting", ["statement_timeout", "lock_timeout"])
def test_a_time_limit_holds_up_and_the_connection_is_as_before(filled_postgres_url: str, setting: str) -> None:
    with connected(filled_postgres_url) as connection, connected(filled_postgres_url) as neighbour:
        neighbour.exec_driver_sql("LOCK TABLE studies")
        connection.exec_driver_sql(f"SET {setting} = 20")
        error = raised_by(connection, "SELECT * FROM studies")
        assert is_held_up(error)
        assert not is_refusal(error)
        assert cause_of(error) in (Cause.LIMITED, Cause.LOCKED)
        connection.rollback()
        assert connection.exec_driver_sql("SELECT 1").scalar() == 1


def test_a_serialization_failure_holds_up(filled_postgres_url: str) -> None:
    with connected(filled_postgres_url) as one, connected(filled_postgres_url) as other:
        for connection in (one, other):
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            connection.exec_driver_sql("SELECT * FROM studies")
        other.exec_driver_sql("UPDATE studies SET study_name = study_name || 'x'")
        other.commit()
        assert is_held_up(raised_by(one, "UPDATE studies SET study_name = study_name || 'y'"))


@pytest.mark.parametrize("statement", ["SELECT * FROM no_such_table", "SELECT no_such_column FROM studies"])
def test_a_database_that_is_not_as_we_left_it_refuses_no_row(filled_postgres_url: str, statement: str) -> None:
    with connected(filled_postgres_url) as connection:
        error = raised_by(connection, statement)
    assert not is_refusal(error)
    assert not is_held_up(error)


def test_a_connection_that_is_gone_refuses_no_row(filled_postgres_url: str, postgres_admin_url: str) -> None:
    with connected(filled_postgres_url) as connection:
        pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()
        with closing(psycopg.connect(postgres_admin_url, autocommit=True)) as admin:
            admin.execute("SELECT pg_terminate_backend(%s, 2000)", [pid])
        error = raised_by(connection, INSERT.format(1, "'another'"))
    assert cause_of(error) is Cause.AWAY
    assert not is_refusal(error)


def test_a_server_that_is_not_there_is_told_without_the_password() -> None:
    url = make_url("postgresql+psycopg://me:hush@127.0.0.1:1/db")
    with (
        pytest.raises(StorageUnavailable, match="does not answer") as caught,
        told_as_unavailable(url.render_as_string()),
        connected(url.render_as_string(hide_password=False)),
    ):
        pass
    assert "hush" not in str(caught.value)


def test_a_bare_error_of_a_driver_is_told_alike(tmp_path: Path) -> None:
    with (
        pytest.raises(StorageUnavailable, match="the database here does not answer: unable to open"),
        told_as_unavailable("here"),
    ):
        sqlite3.connect(tmp_path / "no" / "such" / "folder.db")
