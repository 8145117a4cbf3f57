"""Finding out whether a database takes writes."""

from sqlalchemy import Connection, delete, insert

from lrtune.service.storage.schema import tables


def write_and_remove(connection: Connection) -> None:
    """Write a row of no trial and remove it again, in the connection's transaction."""
    reports = tables.superseded_reports
    row = {"trial_id": -1, "lease_number": 0, "step": 0, "value_type": "FINITE"}
    connection.execute(insert(reports).values(row))
    connection.execute(delete(reports).where(reports.c.trial_id == -1))
