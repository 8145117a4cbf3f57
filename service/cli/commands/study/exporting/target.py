"""Where an export is written to: a file that is there once all of it is, or standard output."""

import os
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
    for a whole one. Ends the command where it cannot be written.
    """
    if path is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with beside.open("wb") as file:
            yield file
        os.replace(beside, path)
    except OSError as error:
        fail(f"{path} cannot be written ({error.strerror or error}): name another file with -o")
    finally:
        beside.unlink(missing_ok=True)
