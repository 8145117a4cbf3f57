"""Where spool files lie, and how large one may become."""

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from lrtune.trainers.client.spool.entries import Owner
from lrtune.trainers.errors import LrtuneError

SPOOL = "LRTUNE_SPOOL"
SPOOL_BYTES = "LRTUNE_SPOOL_BYTES"
MOST_BYTES = 64 * 1024 * 1024
"""Of one trial's file, some 700,000 reports."""
SUFFIX = ".spool"


@dataclass(frozen=True)
class Spooling:
    """`folder`, and the most bytes of one trial's file; 0: nothing is written."""

    folder: Path
    most_bytes: int = MOST_BYTES

    def path_of(self, owner: Owner) -> Path:
        """Of the file of that lease."""
        lease = hashlib.sha256(owner.lease.encode()).hexdigest()[:16]
        return self.folder / f"{study_part(owner.server, owner.key)}-{owner.number}-{lease}{SUFFIX}"

    def files_of(self, server: str, key: str) -> list[Path]:
        """The files that are there of that study. Raises OSError."""
        prefix = f"{study_part(server, key)}-"
        try:
            names = os.listdir(self.folder)
        except FileNotFoundError:
            return []
        return [self.folder / name for name in sorted(names) if name.startswith(prefix) and name.endswith(SUFFIX)]

    def make(self) -> None:
        """Make the folder, open to its user alone. Raises OSError, in one line where somebody else may write to it."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = self.folder.stat()
        if not hasattr(os, "getuid"):
            return
        if found.st_uid != os.getuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise PermissionError(
                f"{self.folder} is not a folder that this user alone writes: set {SPOOL} to one of your own"
            )


def study_part(server: str, key: str) -> str:
    """What the names of a study's files begin with."""
    return hashlib.sha256(f"{server}\n{key}".encode()).hexdigest()[:16]


def spooling() -> Spooling:
    """As LRTUNE_SPOOL and LRTUNE_SPOOL_BYTES say, else `lrtune/spool` in the user's state, XDG_STATE_HOME or
    ~/.local/state, and 64 MiB. Raises LrtuneError for a size that is none."""
    given = os.environ.get(SPOOL_BYTES) or str(MOST_BYTES)
    if not given.isascii() or not given.isdigit():
        raise LrtuneError(
            f"{SPOOL_BYTES} must be a whole number of bytes, 0 to keep nothing on disk, not {given!r:.80}"
        )
    return Spooling(_folder(), int(given))


def _folder() -> Path:
    if named := os.environ.get(SPOOL):
        return Path(named).expanduser().absolute()
    state = Path(os.environ.get("XDG_STATE_HOME") or "")
    if not state.is_absolute():  # As the XDG specification says of relative ones, and of none.
        state = Path(os.path.expanduser("~")).absolute() / ".local" / "state"
    return state / "lrtune" / "spool"
