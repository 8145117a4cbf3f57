"""Many rows of one kind in one statement, on PostgreSQL: a column is an array, and `unnest` makes rows of them.

Sent one by one, the reports of a curve of 36,000 steps take most of a second, in which nobody else is committed.
"""

from typing import Any

from sqlalchemy import Table, bindparam, cast, func, select
from sqlalchemy.dialects import postgresql

from lrtune.service.storage.sql.execution import statement_text

FEWEST_ROWS = 100
"""Fewer are sent one by one, in one round trip."""


class BulkUpsert:
    """Inserts rows of `table`, or changes those that have the same `keys`."""

    def __init__(self, table: Table, names: list[str], *keys: str) -> None:
        self._names = names
        self._keys = keys
        arrays = [cast(bindparam(name), postgresql.ARRAY(table.c[name].type)) for name in names]
        rows = select(func.unnest(*arrays).table_valued(*names).render_derived())
        insert = postgresql.insert(table).from_select(names, rows)
        changed = {name: insert.excluded[name] for name in names if name not in keys}
        self.text = statement_text(insert.on_conflict_do_update(index_elements=list(keys), set_=changed), "postgresql")

    def columns(self, rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
        """The rows as a value for each column; of rows with the same keys the last, since a statement may change a row
        once only."""
        last = {tuple(row[key] for key in self._keys): row for row in rows}
        return {name: [row[name] for row in last.values()] for name in self._names}
