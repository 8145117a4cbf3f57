"""Removing what was kept of deeds that are long past, a few entries at a time."""

from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, select

from lrtune.service.storage.schema.tables import audit


@dataclass(frozen=True, slots=True)
class Span:
    """When the first and the last of the entries are from, in seconds since the epoch."""

    first: float
    last: float


def span_of_audit(connection: Connection) -> Span | None:
    """The span of all entries; None where there are none."""
    first = connection.execute(select(func.min(audit.c.at))).scalar()
    last = connection.execute(select(func.max(audit.c.at))).scalar()
    return None if first is None or last is None else Span(first, last)


def remove_entries(connection: Connection, *, before: float, most: int) -> int:
    """Remove up to `most` entries from before this time, the oldest first; how many it were."""
    oldest = select(audit.c.entry_id).where(audit.c.at < before).order_by(audit.c.at, audit.c.entry_id).limit(most)
    return connection.execute(delete(audit).where(audit.c.entry_id.in_(oldest))).rowcount
