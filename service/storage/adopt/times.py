"""The times of a database's trials, made UTC where Optuna 4 stored them in local time."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select

from lrtune.service.storage.adopt.zones import Converter, Zones
from lrtune.service.storage.errors import StorageError
from lrtune.service.storage.maintenance import adoption_record
from lrtune.service.storage.schema import attributes, optuna_tables

_CHUNK = 5_000
_CLOCK_SKEW = timedelta(minutes=10)


@dataclass(frozen=True)
class Example:
    """The first of the times that are converted."""

    study: str
    trial: int
    stored: datetime
    utc: datetime


class Conversion:
    """The conversion of all trials to UTC, and what is told of it."""

    def __init__(self, names: dict[int, str], zones: Zones, now: float) -> None:
        self.trials = 0
        self.example: Example | None = None
        self._names = names
        self._zones = zones
        self._latest_possible = datetime.fromtimestamp(now, UTC).replace(tzinfo=None) + _CLOCK_SKEW
        self._converters: dict[int, Converter] = {}

    @property
    def ambiguous(self) -> int:
        """How many times fell into an hour that came twice."""
        return sum(converter.ambiguous for converter in self._converters.values())

    def convert(self, row: Any) -> dict[str, Any]:
        """The trial's new times. Raises StorageError where one would lie in the future."""
        name = self._names.get(row.study_id, "")
        converter = self._converters.get(row.study_id)
        if converter is None:
            converter = self._converters[row.study_id] = Converter(self._zones.of(name))
        queued = row.queued is not None
        start, complete = converter.convert(row.datetime_start, row.datetime_complete, queued=queued)
        for time in (start, complete):
            if time is not None and time > self._latest_possible:
                raise StorageError(
                    f"trial {row.number} of study {name} would lie in the future, at {time:%Y-%m-%d %H:%M} UTC: its "
                    "times were written in another zone (name it with --timezone), or are UTC already (--times utc)"
                )
        if self.example is None and start is not None:
            self.example = Example(name, row.number, row.datetime_start, start)
        self.trials += 1
        return {"of_trial": row.trial_id, "start": start, "complete": complete}


def local_rows(connection: Connection) -> Iterator[list[Any]]:
    """The trials whose times are local, in chunks, in the order of their ids."""
    trials, attrs = optuna_tables.trials.c, optuna_tables.trial_system_attrs.c
    queued = (
        select(attrs.trial_id)
        .where(attrs.trial_id == trials.trial_id, attrs.key == attributes.FIXED_ATTR)
        .limit(1)
        .scalar_subquery()
    )
    query = (
        select(
            trials.trial_id,
            trials.study_id,
            trials.number,
            trials.datetime_start,
            trials.datetime_complete,
            queued.label("queued"),
        )
        .where(trials.trial_id.in_(adoption_record.timed_elsewhere(connection)))
        .order_by(trials.trial_id)
        .limit(_CHUNK)
    )
    last = -1
    while chunk := list(connection.execute(query.where(trials.trial_id > last))):
        yield chunk
        last = chunk[-1].trial_id
