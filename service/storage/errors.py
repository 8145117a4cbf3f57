"""What can go wrong in the storage.

StorageError
├── StorageUnavailable   the database cannot be reached or written now; try again later
│   ├── WriterBusy       another process holds the writer lock of this database
│   └── StorageUnsuitable    the database, or what stands before it, does not do what lrtune relies on
├── NotStorable          a value cannot be kept in this database; send another
├── SchemaMismatch       the database's schema is not the one this version works with
├── StorageUrlInvalid    the URL names no database we can open
├── StudyNameTaken       a study of that name exists
├── StudyUnreadable      what the database holds of one study cannot be read
├── StudyElsewhere       another of several processes serves this study
└── StudyMissing         there is no such study
"""


class StorageError(Exception):
    """Base of all storage errors; the text names the situation and the remedy."""


class StorageUnavailable(StorageError):
    """The database cannot be reached or written now; try again later.

    What was refused before it was sent to the database is not on disk, nor is what the database refused. Where the
    connection was lost while committing, or no answer came in time, it may be on disk all the same: nobody can tell
    until the study has been read anew. So the same request is repeated, by the same `request_id`, lease and steps: what
    was kept is known by these and not done twice.
    """

    def __init__(self, detail: str, *, retry_after_seconds: float = 1.0) -> None:
        super().__init__(detail)
        self.retry_after_seconds = retry_after_seconds


class WriterBusy(StorageUnavailable):
    """Another process writes this database; this one is a standby."""


class NotStorable(StorageError):
    """A value cannot be kept in this database, however often it is sent: nothing of its request is kept."""


class StorageUnsuitable(StorageUnavailable):
    """The database, or what stands between it and lrtune, does not do what lrtune relies on, until somebody sets it
    right; the text says how."""


class SchemaMismatch(StorageError):
    """The database's schema is older or newer than this version of lrtune."""


class StorageUrlInvalid(StorageError):
    """The storage URL names no database that lrtune can open."""


class StudyNameTaken(StorageError):
    """A study of that name exists."""


class StudyUnreadable(StorageError):
    """What the database holds of one study cannot be read; nothing else is touched by that. `why` is a short line."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(
            f"study {name!r} cannot be read from the database ({why}): another version of lrtune wrote it, or another "
            "program. Start the version that wrote it, restore a backup, or delete the study"
        )
        self.name = name
        self.why = why


class StudyElsewhere(StorageError):
    """Another process serves the study, of several that write this database: nothing was changed here."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"study {name!r} is served by another process of this service; send the request again, to any of them"
        )
        self.name = name


class StudyMissing(StorageError):
    """There is no such study, or no longer. `which`: its name or id."""

    def __init__(self, which: str) -> None:
        super().__init__(f"there is no study {which!r} any more; create it with `lrtune study create`")
        self.which = which
