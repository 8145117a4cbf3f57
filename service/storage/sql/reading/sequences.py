"""What PostgreSQL's sequences of ids have given out."""

from sqlalchemy import Connection, text

KEYS = {"studies": "study_id", "trials": "trial_id"}
"""The columns that have one, by table."""

_LAST = {table: text(f"SELECT last_value, is_called FROM {table}_{key}_seq") for table, key in KEYS.items()}


def last_of_sequence(connection: Connection, table: str) -> int:
    """The latest id that a table's sequence gave out, whether or not it was used."""
    value, is_called = connection.execute(_LAST[table]).one()
    return int(value) if is_called else 0


_DRAW = {
    table: text(f"SELECT nextval('{table}_{key}_seq') FROM generate_series(1, :count)") for table, key in KEYS.items()
}


def draw(connection: Connection, table: str, count: int) -> list[int]:
    """As many new ids of a table, in ascending order: no other process is given one of them, and all that were given
    out before are smaller."""
    return sorted(connection.execute(_DRAW[table], {"count": count}).scalars())
