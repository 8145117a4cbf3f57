"""What was done, by whom: read a page at a time, by the service or by a command on the database itself."""

import json
import math
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row

from lrtune.service.storage.sql.reading.audit import Place, Wanted, read_entries
from lrtune.service.tuning.errors import InvalidField
from lrtune.service.wire.access.bodies import AuditEntry


def read_page(
    connection: Connection, wanted: Wanted, after: str | None, limit: int
) -> tuple[list[AuditEntry], str | None]:
    """Up to `limit` entries, the latest first, those behind the place `after`; and the place to go on after, None at
    the end. A page may be short before that, even empty, where many entries are passed over. The connection reads one
    snapshot. Raises InvalidField where `after` is no place."""
    rows, place = read_entries(connection, wanted, None if after is None else _read_place(after), limit)
    return [_entry(row) for row in rows], None if place is None else f"{place[0]!r} {place[1]}"


def _read_place(text: str) -> Place:
    at, _, entry_id = text.partition(" ")
    try:
        place = float(at), int(entry_id)
    except ValueError:
        place = math.nan, 0
    if not math.isfinite(place[0]) or not 0 <= place[1] < 2**63:
        raise InvalidField(("cursor",), "is not one of this list; leave it out to begin anew")
    return place


def _entry(row: Row[Any]) -> AuditEntry:
    return AuditEntry(
        id=row.entry_id,
        at=datetime.fromtimestamp(row.at, UTC),
        actor=row.actor,
        token=row.token_id,
        address=row.address,
        via=row.via,
        action=row.action,
        subject=row.subject,
        before=_read(row.before),
        after=_read(row.after),
    )


def _read(text: str | None) -> Any:
    return None if text is None else json.loads(text, parse_constant=str)
