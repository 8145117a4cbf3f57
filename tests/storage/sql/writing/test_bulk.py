"""Many reports in one statement on PostgreSQL: the same rows as one by one."""

import asyncio
import math
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial

import psycopg
import pytest
from sqlalchemy import make_url

from lrtune.service.storage.commit.changes import Change
from lrtune.service.storage.engine.engine import Engine, open_engine
from lrtune.service.storage.memory.study import StudyMirror
from lrtune.service.storage.sql.execution import Answer, Rows
from lrtune.service.storage.sql.writing.bulk import FEWEST_ROWS
from lrtune.service.storage.sql.writing.rows import report_row
from lrtune.service.storage.sql.writing.statements import Statements
from tests.support.engines import add_trial, new_study

MANY = 3 * FEWEST_ROWS
ODD = (math.nan, math.inf, -math.inf, -0.0, 5e-324, 1.7976931348623157e308)


@pytest.fixture
def engine(migrated_postgres_url: str) -> Iterator[Engine]:
    with closing(open_engine(migrated_postgres_url)) as opened:
        yield opened


@pytest.fixture
def neighbour(migrated_postgres_url: str) -> Iterator[psycopg.Connection]:
    plain = make_url(migrated_postgres_url).set(drivername="postgresql").render_as_string(hide_password=False)
    with closing(psycopg.connect(plain, autocommit=True)) as connection:
        yield connection


def by_thread(make: Callable[[], Change]) -> None:
    make().wait()


def by_loop(engine: Engine) -> Callable[[Callable[[], Change]], None]:
    """As the event loop commits, through the pipeline."""

    async def attached(make: Callable[[], Change]) -> None:
        engine.committer.attach(asyncio.get_running_loop())
        try:
            await asyncio.wait_for(make().on_disk(), 30)
        finally:
            engine.committer.detach()

    return lambda make: asyncio.run(attached(make))


def report_many(engine: Engine, study: StudyMirror, *, later: float) -> Change:
    trial = study.trials[0]
    with engine.change(study) as change:
        for step in range(MANY):
            change.report(trial, step, ODD[step] if step < len(ODD) else step / 7)
        for step in range(0, MANY, 2):
            change.report(trial, step, later)
    return change


@pytest.mark.parametrize("way", ["thread", "loop"])
def test_many_reports_are_kept_as_they_are_and_the_last_of_a_step_counts(
    engine: Engine, neighbour: psycopg.Connection, way: str
) -> None:
    commit = by_thread if way == "thread" else by_loop(engine)
    study = new_study(engine)
    add_trial(engine, study).wait()
    for later in (0.25, 0.75):
        commit(partial(report_many, engine, study, later=later))
        kept = dict(study.trials[0].intermediate)
        with engine.lock:
            engine.mirrors.drop(study)
        study = engine.load(study.study_id)
        read = study.trials[0].intermediate
        assert list(map(repr, (read[step] for step in range(MANY)))) == [repr(kept[step]) for step in range(MANY)]
        assert read[MANY // 2 * 2 - 2] == later


def test_a_long_curve_takes_one_statement() -> None:
    sent: list[tuple[str, Rows]] = []

    def execute(text: str, rows: Rows) -> Answer:
        sent.append((text, rows))
        return Answer()

    class Trial:
        trial_id = 7

    rows = [report_row(Trial(), step, 0.5) for step in range(FEWEST_ROWS)]  # type: ignore[arg-type]
    Statements("postgresql").run(execute, rows)
    Statements("postgresql").run(execute, rows[1:])
    (bulk, arrays), (_, one_by_one) = sent
    assert "unnest" in bulk
    assert isinstance(arrays, dict)
    assert arrays["step"] == list(range(FEWEST_ROWS))
    assert isinstance(one_by_one, list)
