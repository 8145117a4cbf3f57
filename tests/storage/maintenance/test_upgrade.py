"""The life of our schema: from any revision to the newest with data in it, and back."""

import json
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import (
    Boolean,
    Connection,
    Double,
    Float,
    Integer,
    MetaData,
    String,
    Table,
    create_engine,
    inspect,
    select,
    text,
)

from lrtune.service.storage.database.database import Database
from lrtune.service.storage.engine.engine import open_engine
from lrtune.service.storage.errors import SchemaMismatch, StorageUnavailable
from lrtune.service.storage.maintenance import upgrade
from lrtune.service.storage.schema import optuna_tables
from lrtune.service.storage.schema.tables import PREFIX, VERSION_TABLE, metadata
from lrtune.service.wire.studies import StudySpec
from tests.support.filled import content, fill, load_old

REVISIONS = upgrade.revisions()


def our_tables(connection: Connection) -> list[Table]:
    """Our tables as they are at the database's revision."""
    found = MetaData()
    names = [name for name in inspect(connection).get_table_names() if name.startswith(PREFIX)]
    found.reflect(connection, only=[name for name in names if name != VERSION_TABLE])
    return found.sorted_tables


def a_row(table: Table, number: int) -> dict[str, Any]:
    """A row that any of our tables could have; a migration that reads more of it gets it here."""
    row: dict[str, Any] = {}
    for column in table.columns:
        kind = column.type
        if isinstance(kind, Boolean):
            row[column.name] = bool(number % 2)
        elif isinstance(kind, Double | Float):
            row[column.name] = number + 0.25
        elif isinstance(kind, Integer):
            row[column.name] = number
        else:
            assert isinstance(kind, String), (table.name, column.name, kind)
            row[column.name] = f"t{number}"
    if table.name == "lrtune_studies":
        row["spec"] = StudySpec(name=f"s{number}").model_dump_json()
    if table.name == "lrtune_adoption":
        row |= {"times": "local", "timezones": json.dumps({"": "Europe/Berlin"})}
    return row


@pytest.mark.parametrize("revision", REVISIONS)
def test_a_database_of_any_revision_is_upgraded_with_its_data(storage_url: str, revision: str) -> None:
    optuna_tables.create(storage_url)
    engine = create_engine(storage_url)
    with engine.connect() as connection:
        upgrade.upgrade_ours(connection, revision)
        before: dict[str, list[dict[str, Any]]] = {}
        for table in our_tables(connection):
            count = 1 if table.name == "lrtune_adoption" else 3
            before[table.name] = [a_row(table, number) for number in range(1, count + 1)]
            connection.execute(table.insert(), before[table.name])
        connection.commit()
    open_engine(storage_url).close()
    with engine.connect() as connection:
        assert upgrade.versions(connection).lrtune == REVISIONS[-1]
        assert upgrade.differences(connection) == []
        for table in our_tables(connection):
            rows = [row._asdict() for row in connection.execute(select(table).order_by(*table.primary_key.columns))]
            for old, new in zip(before.get(table.name, []), rows, strict=True):
                assert {name: new[name] for name in old if name in new} == {
                    name: value for name, value in old.items() if name in new
                }
    engine.dispose()


@pytest.mark.parametrize("revision", ["base", *REVISIONS[:-1]])
def test_a_downgrade_and_an_upgrade_end_in_the_same_schema(storage_url: str, revision: str) -> None:
    fill(storage_url)
    before = content(storage_url)
    engine = create_engine(storage_url)
    with engine.connect() as connection:
        upgrade.downgrade_ours(connection, revision)
        connection.commit()
        assert (upgrade.versions(connection).lrtune or "base") == revision
    open_engine(storage_url).close()
    with engine.connect() as connection:
        assert upgrade.differences(connection) == []
    engine.dispose()
    after = content(storage_url)
    lost = (PREFIX,) if revision == "base" else ("lrtune_audit",)
    kept = [name for name in before if not name.startswith(lost)]
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}


def test_an_upgrade_that_fails_half_way_leaves_the_old_schema(storage_url: str) -> None:
    """Somebody has a table of a name that a later revision of ours takes: those before it have run by then."""
    optuna_tables.create(storage_url)
    engine = create_engine(storage_url)
    with engine.begin() as connection:
        connection.execute(text("create table lrtune_adoption (theirs integer)"))
    database = Database(storage_url)
    database.acquire()
    with pytest.raises(StorageUnavailable, match="lrtune_adoption"):
        upgrade.upgrade(database)
    database.close()
    with engine.begin() as connection:
        assert [table.name for table in our_tables(connection)] == ["lrtune_adoption"]
        connection.execute(text("drop table lrtune_adoption"))
    engine.dispose()
    open_engine(storage_url).close()


def test_a_database_with_times_of_optuna_4_is_not_served_before_it_was_adopted(storage_url: str) -> None:
    load_old("optuna-4.9.sql", storage_url)
    before = content(storage_url)
    with pytest.raises(SchemaMismatch, match=r"Optuna 4\.9\.0.*lrtune db adopt"):
        upgrade.check_can_open(storage_url)
    with pytest.raises(SchemaMismatch, match="lrtune db adopt"):
        open_engine(storage_url)
    assert content(storage_url) == before


def test_a_database_of_optuna_4_without_a_trial_is_served_at_once(storage_url: str) -> None:
    optuna_tables.create(storage_url)
    engine = create_engine(storage_url)
    with engine.begin() as connection:
        connection.execute(text("update version_info set library_version = '4.2.0'"))
    fill(storage_url)
    upgrade.check_can_open(storage_url)
    open_engine(storage_url).close()
    engine.dispose()


def test_a_database_of_an_older_optuna_is_refused_with_the_way_to_adopt_it(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/old.db"
    load_old("optuna-2.10.sql", url)
    with pytest.raises(SchemaMismatch, match=r"older Optuna \(2\.10\.1\).*lrtune db adopt"):
        upgrade.check_can_open(url)


def test_autogenerate_finds_nothing_to_change(migrated_url: str) -> None:
    reader = create_engine(migrated_url)
    with reader.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "version_table": VERSION_TABLE,
                "compare_type": True,
                "include_name": lambda name, kind, _: kind != "table" or str(name).startswith(PREFIX),
            },
        )
        assert compare_metadata(context, metadata) == []
    reader.dispose()


def test_a_table_of_optunas_that_was_lost_is_made_again(migrated_url: str) -> None:
    engine = create_engine(migrated_url)
    lost = optuna_tables.heartbeats
    with engine.begin() as connection:
        lost.drop(connection)
    open_engine(migrated_url).close()
    with engine.connect() as connection:
        assert inspect(connection).has_table(lost.name)
    engine.dispose()


def test_a_database_of_a_newer_lrtune_is_refused_in_clear_words(migrated_url: str) -> None:
    open_engine(migrated_url).close()
    writer = create_engine(migrated_url)
    with writer.begin() as connection:
        connection.execute(text(f"update {VERSION_TABLE} set version_num = '9999'"))
    writer.dispose()
    with pytest.raises(SchemaMismatch, match="newer lrtune"):
        open_engine(migrated_url)


def test_a_database_that_cannot_be_reached_is_named_without_its_password(tmp_path: Path) -> None:
    with pytest.raises(StorageUnavailable, match="does not exist"):
        upgrade.check_can_open(f"sqlite:///{tmp_path}/no/such/folder/lrtune.db")
    with pytest.raises(StorageUnavailable) as caught:
        upgrade.check_can_open("postgresql+psycopg://me:hush@127.0.0.1:1/db")
    assert "hush" not in str(caught.value)
