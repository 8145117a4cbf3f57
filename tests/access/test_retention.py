"""How long it is remembered what was done; and that a clock that jumps costs little of it."""

from collections.abc import Iterator

import pytest
from sqlalchemy import insert, select

from lrtune.service.access.audit import retention
from lrtune.service.access.audit.retention import Retention
from lrtune.service.storage.schema.tables import audit
from tests.support.tuning import Tuning

DAY = 86_400.0


@pytest.fixture
def tuning(migrated_url: str) -> Iterator[Tuning]:
    with Tuning(migrated_url) as opened:
        yield opened


def keep(tuning: Tuning, *days_ago: float, each: int = 1) -> None:
    """Entries of so many days ago."""
    row = {"actor": "a", "via": "http", "action": "study.change", "subject": "s"}
    rows = [row | {"at": tuning.clock.now - days * DAY} for days in days_ago for _ in range(each)]
    tuning.engine.upkeep.run(lambda connection: connection.execute(insert(audit), rows))


def kept(tuning: Tuning) -> list[float]:
    """How many days ago the entries are from, the oldest first."""
    with tuning.engine.database.read() as connection:
        times = connection.execute(select(audit.c.at).order_by(audit.c.at)).scalars()
        return [round((tuning.clock.now - at) / DAY, 3) for at in times]


def look(tuning: Tuning, days: float = 365) -> int:
    return tuning.run(Retention(tuning.engine, days).look())


def test_what_is_older_than_it_is_kept_is_removed_and_nothing_else(tuning: Tuning) -> None:
    keep(tuning, 365.5, 365.2, 364.9, 100, 0)
    assert look(tuning) == 2
    assert kept(tuning) == [364.9, 100, 0]
    assert look(tuning) == 0


def test_many_entries_are_removed_a_few_at_a_time(tuning: Tuning, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "AT_ONCE", 10)
    monkeypatch.setattr(retention, "_PAUSE_SECONDS", 0.0)
    keep(tuning, 366, each=95)
    keep(tuning, 0)
    calls: list[int] = []
    run = tuning.engine.upkeep.run
    monkeypatch.setattr(tuning.engine.upkeep, "run", lambda work: calls.append(1) or run(work))  # type: ignore[func-returns-value]
    assert look(tuning) == 95
    assert len(calls) == 10


def test_a_clock_that_jumps_ahead_removes_nothing_while_nobody_does_anything(
    tuning: Tuning, caplog: pytest.LogCaptureFixture
) -> None:
    keep(tuning, 300, 200, 100, 0)
    tuning.clock.advance(10 * 365 * DAY)
    owner = Retention(tuning.engine, 365)
    assert [tuning.run(owner.look()) for _ in range(3)] == [0, 0, 0]
    assert len(kept(tuning)) == 4
    assert [record.message.count("clock") for record in caplog.records] == [1], "it warns, once"


def test_a_clock_that_jumps_ahead_costs_a_day_of_the_audit_an_hour(tuning: Tuning) -> None:
    keep(tuning, *(days / 2 for days in range(600)))
    tuning.clock.advance(10 * 365 * DAY)
    keep(tuning, 0)
    assert look(tuning) == 2
    assert look(tuning) == 2
    assert len(kept(tuning)) == 601 - 4


def test_a_clock_that_was_set_back_removes_nothing(tuning: Tuning) -> None:
    keep(tuning, 364, 0)
    tuning.clock.advance(-3_000 * DAY)
    assert look(tuning) == 0


def test_entries_are_kept_for_ever_where_that_is_wanted(tuning: Tuning) -> None:
    keep(tuning, 5_000, 0)
    tuning.run(Retention(tuning.engine, 0).run())
    assert len(kept(tuning)) == 2


def test_a_standby_and_a_service_whose_database_is_away_remove_nothing(tuning: Tuning) -> None:
    keep(tuning, 366, 0)
    tuning.engine._state.name = "standby"
    assert look(tuning) == 0
    tuning.engine._state.name = "active"
    assert look(tuning) == 1
