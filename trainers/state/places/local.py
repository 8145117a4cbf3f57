"""A folder of this machine, or one that several share."""

import fnmatch
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from lrtune.trainers.errors import TrainingError
from lrtune.trainers.state.places.addresses import RemoteAddress, read_address, shown
from lrtune.trainers.state.places.place import Entry, Place


class LocalFolder(Place):
    """Files are written beside their place, made to lie on the disk, and moved: a reader sees all of one, or none."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __str__(self) -> str:
        return str(self.path)

    def uri(self, name: str) -> str:
        """See `Place`."""
        return (self.path / name).resolve().as_uri()

    def name_of(self, uri: str) -> str:
        """See `Place`. Links are followed first: one that leads out of the folder is refused."""
        address = read_address(uri)
        if isinstance(address, RemoteAddress):
            raise TrainingError(f"{shown(uri)} is not in {self}: give the folder it lies in")
        try:
            root, found = self.path.resolve(), address.resolve()
        except (OSError, RuntimeError) as error:  # Links in a circle.
            raise TrainingError(f"{uri} leads nowhere: {error}") from None
        if root not in found.parents:
            raise TrainingError(f"{uri} leads out of {self}: give the folder it lies in")
        return found.relative_to(root).as_posix()

    def write(self, name: str, fill: Callable[[IO[bytes]], object]) -> None:
        """See `Place`."""
        path = self.path / name
        partial = path.with_suffix(f".{os.getpid()}.partial")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with partial.open("wb") as file:
                fill(file)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
            _sync_folder(path.parent)
        except BaseException as error:
            with suppress(OSError):
                partial.unlink(missing_ok=True)
            if isinstance(error, OSError):
                raise TrainingError(f"{path} cannot be written: {error.strerror or error}") from error
            raise

    @contextmanager
    def reading(self, name: str) -> Iterator[IO[bytes]]:
        """See `Place`."""
        path = self.path / name
        try:
            file = path.open("rb")
        except FileNotFoundError:
            raise TrainingError(f"there is no checkpoint {path}: it must lie where every worker can read it") from None
        except OSError as error:
            raise TrainingError(f"the checkpoint {path} cannot be read: {error.strerror or error}") from error
        with file:
            yield file

    def entries(self, pattern: str = "*") -> list[Entry]:
        """See `Place`. What a framework writes into a folder of the trial's is found, too: `trial-…/checkpoint-…`."""
        found = []
        for path in (*self.path.glob("*"), *self.path.glob("trial-*/checkpoint-*")):
            name = path.relative_to(self.path).as_posix()
            if fnmatch.fnmatchcase(name, pattern):
                with suppress(FileNotFoundError):
                    found.append(Entry(name, path.stat().st_mtime))
        return found

    def remove(self, name: str) -> None:
        """See `Place`; a folder goes with all that is in it, and the trial's own with its last one."""
        path = self.path / name
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
            with suppress(OSError):
                path.parent.rmdir()
        else:
            path.unlink(missing_ok=True)


def _sync_folder(path: Path) -> None:
    """Without it a machine that loses power may have the file under its old name, or under none."""
    if os.name == "nt":
        return
    with suppress(OSError):  # Some network file systems know no such thing.
        folder = os.open(path, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
