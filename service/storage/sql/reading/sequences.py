"""What PostgreSQL's sequences of ids have given out."""

from sqlalchemy import Connection, text

KEYS = {"studies": "study_id", "trials": "trial_id"}
"""The columns that have one, by table."""

_LAST = {table: text(f"SELECT last_value, is_called FROM {table}_{key}_seq") for table, key in KEYS.items()}


def last_of_sequence(connection: Connection, table: str) -> int:
    """The latest id that a table's sequence gave out, whether or not it was used."""
    value, is_called = connection.execute(_LAST[table]).one()
    return int(value) if is_called else 0
