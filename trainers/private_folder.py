"""Folders of one user among the files that are temporary, where others could have made one of that name before."""

import os
import stat
import tempfile
from pathlib import Path


def private_folder(name: str) -> Path:
    """The folder `name-UID`, this user's and closed to others; made where there is none.

    Raises PermissionError, in one line, where somebody else has made it, or may have put something into it.
    """
    own = os.getuid() if hasattr(os, "getuid") else None
    folder = Path(tempfile.gettempdir()).resolve() / f"{name}-{'user' if own is None else own}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if own is None:  # Windows, where each user has a folder for what is temporary.
        return folder
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != own or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise PermissionError(
            f"{folder} is not a folder that this user alone writes: remove it, or set TMPDIR to a folder of your own"
        )
    if stat.S_IMODE(found.st_mode) != 0o700:
        folder.chmod(0o700)
    return folder
