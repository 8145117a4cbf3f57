"""A database with something of everything in it, and its content row by row."""

import math
from pathlib import Path
from typing import Any

import optuna
from sqlalchemy import create_engine, inspect, select

from lrtune.service.storage.schema import optuna_tables, tables
from lrtune.service.storage.schema.attributes import ID_ATTR
from lrtune.service.wire.trials import Ask, Checkpoint, LeasedTrial, Release, Report, Reports, Result
from tests.support.tuning import Tuning

OLD_DATABASES = Path(__file__).parents[1] / "storage" / "adopt" / "databases"


def fill(url: str) -> None:
    """Studies of ours with trials of every outcome, and one that Optuna made."""
    with Tuning(url) as tuning:
        tuning.create(
            name="ours",
            max_steps=4,
            max_trials=50,
            description="Ünïcode, 'quotes' and \\ \t tabs",
            search_space={
                "learning_rate": {"type": "float", "low": 1e-5, "high": 1.0, "log": True},
                "optimizer": {"type": "categorical", "choices": ["sgd", "adam", None, True, 3]},
                "momentum": {"type": "float", "low": 0, "high": 0.9, "step": 0.1, "when": {"optimizer": ["sgd"]}},
            },
        )
        trials = tuning.trials
        for index, outcome in enumerate(["complete", "pruned", "diverged", "failed", "release", "running"] * 2):
            leased = tuning.run(trials.ask("ours", Ask(worker="w", request_id=str(index))))
            assert isinstance(leased, LeasedTrial)
            values = [1.0, 1 / 3 + index, math.nan if outcome == "diverged" else 5e-324]
            reports = [Report(step=step, value=value) for step, value in enumerate(values)]
            tuning.run(trials.report("ours", leased.number, Reports(lease=leased.lease, reports=reports)))
            tuning.clock.now += 1.25
            if outcome == "release":
                kept = Checkpoint(uri="file:///x", step=1)
                tuning.run(trials.release("ours", leased.number, Release(lease=leased.lease, checkpoint=kept)))
            elif outcome != "running":
                body = Result.model_validate({"lease": leased.lease, "state": outcome, "error": "why"})
                tuning.run(trials.result("ours", leased.number, body))
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    stock = optuna.storages.RDBStorage(url)
    study = optuna.create_study(storage=stock, study_name="of-optuna", directions=["minimize", "maximize"])
    study.set_user_attr("note", {"text": "é\n\\.", "nothing": None})
    one = optuna.distributions.FloatDistribution(0, 1)
    for value in (0.5, 1 / 3, math.nextafter(1, 0)):
        study.add_trial(
            optuna.create_trial(
                values=[value, math.inf],
                params={"x": value},
                distributions={"x": one},
                user_attrs={"k": [value]},
                system_attrs={"s": None},
            )
        )
    study.enqueue_trial({"x": 0.25})
    stock.remove_session()
    stock.engine.dispose()
    optuna.logging.set_verbosity(verbosity)


def content(url: str) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table of Optuna's and ours, by table, in the order of the keys."""
    engine = create_engine(url)
    found: dict[str, list[tuple[Any, ...]]] = {}
    with engine.connect() as connection:
        present = set(inspect(connection).get_table_names())
        for table in (*optuna_tables.all_tables, *tables.metadata.sorted_tables):
            if table.name in present:
                rows = connection.execute(select(table).order_by(*table.primary_key.columns))
                found[table.name] = [tuple(row) for row in rows]
    engine.dispose()
    return found


def restored_content(url: str) -> dict[str, list[tuple[Any, ...]]]:
    """The same without the ids of studies, which a restored copy is not to have."""
    found = content(url)
    attrs = optuna_tables.study_system_attrs.name
    return found | {attrs: [row for row in found[attrs] if ID_ATTR not in row]}


def load_old(dump: str, url: str) -> None:
    """Make the database at `url` one that an old Optuna wrote, from its dump in tests/storage/adopt/databases."""
    import sqlite3

    script = (OLD_DATABASES / dump).read_text()
    if url.startswith("sqlite:///"):
        database = sqlite3.connect(url.removeprefix("sqlite:///"))
        database.executescript(script)
        database.close()
        return
    # Optuna 4 and 5 have one schema: let Optuna make it, then put the old rows in.
    database = sqlite3.connect(":memory:")
    database.executescript(script)
    optuna_tables.create(url)
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM version_info")
        for table in optuna_tables.all_tables:
            columns = [column.name for column in table.columns]
            places = ", ".join(["%s"] * len(columns))
            rows = database.execute(f"SELECT {', '.join(columns)} FROM {table.name}").fetchall()
            if rows:
                connection.exec_driver_sql(f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES ({places})", rows)
            key = next(iter(table.primary_key.columns)).name
            connection.exec_driver_sql(
                f"SELECT setval(s, m) FROM (SELECT pg_get_serial_sequence('{table.name}', '{key}') s, max({key}) m "
                f"FROM {table.name}) x WHERE s IS NOT NULL AND m IS NOT NULL"
            )
    engine.dispose()
    database.close()
