"""Whether this process is the writer of the database, and if not, why."""

import logging
from typing import Literal

from lrtune.service.storage.errors import StorageError, StorageUnavailable

_log = logging.getLogger(__name__)

EngineState = Literal["starting", "standby", "active", "away", "closed"]
"""`active`: this process is the writer. `standby`: another process is. `away`: the database does not answer, or its
schema is not ours."""


class WriterState:
    """The state, and the error that explains it while it is not `active`. Under the mirrors' lock."""

    __slots__ = ("failure", "name")

    def __init__(self) -> None:
        self.name: EngineState = "starting"
        self.failure: StorageError | None = None

    def set(self, name: EngineState, failure: StorageError | None) -> None:
        """The state is this now."""
        if self.name != name:
            level = logging.INFO if name == "active" else logging.WARNING
            _log.log(level, "storage is %s%s", name, f": {failure}" if failure else "")
        self.name = name
        self.failure = failure

    def check_active(self) -> None:
        """Raise StorageUnavailable (or WriterBusy) unless this process is the writer."""
        if self.name != "active":
            if isinstance(self.failure, StorageUnavailable):
                raise self.failure
            raise StorageUnavailable(str(self.failure or "the storage is starting; try again"))
