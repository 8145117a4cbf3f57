"""Who holds PostgreSQL's writer lock, and when a standby may end the holder's connection."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine, create_engine, select

from lrtune.service.storage.database.writer_lock import AdvisoryLock
from lrtune.service.storage.errors import WriterBusy
from tests.support.clock import Clock

LIMIT = 20.0
LOOK = 0.5


@pytest.fixture
def engine(postgres_url: str) -> Iterator[Engine]:
    made = create_engine(postgres_url)
    yield made
    made.dispose()


@pytest.fixture
def writer(engine: Engine) -> Iterator[Connection]:
    """A connection that holds the lock."""
    with engine.connect() as connection:
        AdvisoryLock("the database", 0, LIMIT).take(connection)
        yield connection


class Standby:
    """Looks at the lock twice a second of its clock."""

    def __init__(self, connection: Connection) -> None:
        self.clock = Clock()
        self._lock = AdvisoryLock("the database", 0, LIMIT, self.clock)
        self._connection = connection

    def looks(self, seconds: float, every: float = LOOK) -> bool:
        """Look for so long; whether it got the lock."""
        for _ in range(int(seconds / every)):
            self.clock.advance(every)
            try:
                self._lock.take(self._connection)
            except WriterBusy:
                continue
            return True
        return False


def say_something(writer: Connection) -> None:
    writer.execute(select(1))
    writer.commit()


def test_a_standby_measures_the_silence_itself_and_ends_it_once_it_lasted_long_enough(
    engine: Engine, writer: Connection
) -> None:
    with engine.connect() as connection:
        standby = Standby(connection)
        assert not standby.looks(LIMIT)
        say_something(writer)
        assert not standby.looks(LIMIT)
        assert standby.looks(2 * LOOK)


def test_a_standby_that_stood_still_itself_does_not_take_that_for_the_writers_silence(
    engine: Engine, writer: Connection
) -> None:
    with engine.connect() as connection:
        standby = Standby(connection)
        assert not standby.looks(1)
        assert not standby.looks(3600, every=3600.0)
        assert not standby.looks(LIMIT / 2)
        say_something(writer)
