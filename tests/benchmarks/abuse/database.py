"""Neighbours, data no database takes, and files that are gone."""

import sqlite3
import threading
import time

import psycopg

from tests.benchmarks.abuse.scenario import Scenario
from tests.benchmarks.abuse.stage import Missed, Stage, expect
from tests.benchmarks.faults.databases import PostgresServer, SqliteFile

_HEADING = "the database"
_HELD_SECONDS = 4.0


def _row_lock(stage: Stage) -> str:
    """A neighbour holds the row of one study; the workers of another go on."""
    assert isinstance(stage.database, PostgresServer)
    path = stage.study("locked", sampler={"name": "random"}, pruner={"name": "none"})
    leased = stage.call("POST", f"{path}/trials", {"worker": "w", "request_id": "locked"}).json()
    statuses = []

    def report() -> None:
        body = {"lease": leased["lease"], "reports": [{"step": 1, "value": 0.5}]}
        statuses.append(stage.call("POST", f"{path}/trials/{leased['number']}/reports", body).status_code)

    with psycopg.connect(stage.database.plain_url) as neighbour:
        neighbour.execute("select * from studies where study_name = 'locked' for update")
        neighbour.execute(
            "select * from lrtune_studies where study_id = "
            "(select study_id from studies where study_name = 'locked') for update"
        )
        neighbour.execute(
            "select * from trials where study_id = "
            "(select study_id from studies where study_name = 'locked') for update"
        )
        reporting = threading.Thread(target=report)
        reporting.start()
        time.sleep(_HELD_SECONDS)
        neighbour.rollback()
    reporting.join()
    return f"its own report: {statuses[0]}"


def _nul(stage: Stage) -> str:
    return expect(stage.call("POST", "/v1/studies", {"name": "nul", "tags": {"family": "a\0b"}}), 422)


def _large_numbers(stage: Stage) -> str:
    answer = stage.call("POST", "/v1/studies", {"name": "large", "max_total_steps": 2**62, "max_trials": 2**40})
    if answer.status_code >= 500:
        raise Missed(f"answered {answer.status_code}: {answer.text[:120]}")
    return str(answer.status_code)


def _replaced(stage: Stage) -> str:
    """The file is moved away and another put in its place; what was acknowledged is in the one or refused."""
    assert isinstance(stage.database, SqliteFile)
    path = stage.database.path
    moved = path.with_name("moved.db")
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for part in ("", "-wal", "-shm"):
        source = path.with_name(path.name + part)
        if source.exists():
            source.rename(moved.with_name(moved.name + part))
    sqlite3.connect(path).close()
    began = time.monotonic()
    acknowledged = []
    while time.monotonic() - began < 3.0:
        name = f"after-{len(acknowledged)}"
        answer = stage.call("POST", "/v1/studies", {"name": name})
        if answer.status_code == 503:
            break
        acknowledged.append(name)
        time.sleep(0.05)
    else:
        raise Missed(f"went on for 3 s and acknowledged {len(acknowledged)} studies")
    took = time.monotonic() - began
    with sqlite3.connect(moved) as connection:
        kept = {name for (name,) in connection.execute("SELECT study_name FROM studies")}
    lost = [name for name in acknowledged if name not in kept]
    if lost:
        raise Missed(f"{len(lost)} acknowledged studies are in neither file")
    if took > 1.5:
        raise Missed(f"noticed after {took:.1f} s")
    return f"503 after {took:.1f} s, {len(acknowledged)} acknowledged, all kept"


SCENARIOS = (
    Scenario(_HEADING, "a neighbour's lock on another study's rows", _row_lock, kinds=("postgresql",)),
    Scenario(_HEADING, "NUL in a tag", _nul),
    Scenario(_HEADING, "numbers beyond 32 bits", _large_numbers),
)
REPLACED = (Scenario(_HEADING, "the file replaced", _replaced, kinds=("sqlite",), judged=False),)
