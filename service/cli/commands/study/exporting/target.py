"""Where an export is written to: a file that is there once all of it is, or standard output."""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from lrtune.service.cli.output import fail


@contextmanager
def target(path: Path | None) -> Iterator[BinaryIO]:
    """What to write to; without a path, standard output.

    A file is written beside its place and takes it at the end of the block, so that one that is cut off is never taken
    for a whole one; it keeps the mode of the one that was there, and a link to it stays. What is there and no file, a
    pipe or a device, is written to as it is. Ends the command where it cannot be written.
    """
    if path is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    try:
        place = Path(os.path.realpath(path))
        no_file = place.is_symlink() or (path.exists() and not path.is_file())  # A link that remains leads nowhere.
        with path.open("wb") if no_file else _beside(place) as file:
            yield file
    except OSError as error:
        fail(f"{path} cannot be written ({error.strerror or error}): name another file with -o")


@contextmanager
def _beside(place: Path) -> Iterator[BinaryIO]:
    beside = place.with_name(f".{place.name}.{os.getpid()}.part")
    try:
        with beside.open("wb") as file:
            if place.exists():
                shutil.copymode(place, beside)
            yield file
        os.replace(beside, place)
    finally:
        beside.unlink(missing_ok=True)
