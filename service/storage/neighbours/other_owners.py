"""Noticing what other processes of the service do, for those who watch all studies."""

from sqlalchemy import Connection, select

from lrtune.service.storage.schema import tables

_SKEW_SECONDS = 30.0
"""By so much clocks of processes may differ, and so long a commit may take to be seen."""


class OtherOwners:
    """The studies that have changed, by their versions. Costs one pass over one row a study."""

    def __init__(self) -> None:
        self._since = 0.0
        self._versions: dict[int, int] = {}

    def changed(self, connection: Connection) -> set[int]:
        """The ids of those with another version than at the last look, whoever changed them."""
        columns = tables.studies.c
        query = select(columns.study_id, columns.version, columns.updated_at).where(columns.updated_at > self._since)
        rows = connection.execute(query).all()
        found = {row.study_id: row.version for row in rows}
        changed = {study_id for study_id, version in found.items() if self._versions.get(study_id) != version}
        if rows:
            self._since = max(row.updated_at for row in rows) - _SKEW_SECONDS
            self._versions = found
        return changed
