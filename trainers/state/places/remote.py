"""A prefix of an object store, through fsspec."""

import fnmatch
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from importlib import import_module
from typing import IO, Any

from lrtune.trainers.errors import TrainingError
from lrtune.trainers.state.places.addresses import EXTRAS, RemoteAddress, read_address, shown
from lrtune.trainers.state.places.place import Entry, Place


class RemoteFolder(Place):
    """A file is sent in one piece, or in parts that the store puts together at the end: until then there is none.

    Who may read and write is said as the store's own client expects it, in environment variables or its files.
    """

    def __init__(self, address: RemoteAddress) -> None:
        """Raises TrainingError where what speaks to the store is not installed."""
        self.address = address
        self._files: Any = _file_system(address.scheme)

    def __str__(self) -> str:
        return str(self.address)

    def uri(self, name: str) -> str:
        """See `Place`."""
        return f"{self.address}/{name}"

    def name_of(self, uri: str) -> str:
        """See `Place`."""
        found = read_address(uri)
        root = self.address
        inside = isinstance(found, RemoteAddress) and found.scheme == root.scheme
        if not inside or len(found.parts) <= len(root.parts) or found.parts[: len(root.parts)] != root.parts:
            raise TrainingError(f"{shown(uri)} leads out of {self}: give the place it lies in")
        return "/".join(found.parts[len(root.parts) :])

    def write(self, name: str, fill: Callable[[IO[bytes]], object]) -> None:
        """See `Place`."""
        with tempfile.NamedTemporaryFile() as file:  # Not in memory: there a model lies already.
            fill(file)
            file.flush()
            try:
                self._files.put_file(file.name, self._key(name))
            except Exception as error:  # Each store has errors of its own.
                raise TrainingError(f"{self.uri(name)} cannot be written: {_told(error)}") from error

    @contextmanager
    def reading(self, name: str) -> Iterator[IO[bytes]]:
        """See `Place`. It is copied here first."""
        with tempfile.NamedTemporaryFile() as file:
            try:
                self._files.get_file(self._key(name), file.name)
            except FileNotFoundError:
                raise TrainingError(f"there is no checkpoint {self.uri(name)}") from None
            except Exception as error:
                raise TrainingError(f"the checkpoint {self.uri(name)} cannot be read: {_told(error)}") from error
            with open(file.name, "rb") as copy:
                yield copy

    def entries(self, pattern: str = "*") -> list[Entry]:
        """See `Place`."""
        try:
            found = self._files.ls(self._key(""), detail=True)
        except FileNotFoundError:
            return []
        except Exception as error:
            raise TrainingError(f"{self} cannot be listed: {_told(error)}") from error
        files = [one for one in found if one["type"] == "file"]
        entries = [Entry(one["name"].rpartition("/")[2], _written(one)) for one in files]
        return [entry for entry in entries if fnmatch.fnmatchcase(entry.name, pattern)]

    def remove(self, name: str) -> None:
        """See `Place`."""
        try:
            self._files.rm_file(self._key(name))
        except FileNotFoundError:
            return
        except Exception as error:
            raise TrainingError(f"{self.uri(name)} cannot be removed: {_told(error)}") from error

    def _key(self, name: str) -> str:
        return "/".join((*self.address.parts, name)) if name else "/".join(self.address.parts)


def _file_system(scheme: str) -> Any:
    """Without its cache of lists: other workers write to the store, too."""
    try:
        return import_module("fsspec").filesystem(scheme, use_listings_cache=False)
    except ImportError as error:
        raise TrainingError(
            f"{scheme}:// cannot be used ({error}): pip install '{EXTRAS[scheme]}', or give a folder"
        ) from None
    except Exception as error:
        raise TrainingError(f"{scheme}:// cannot be used: {_told(error)}") from error


def _written(found: dict[str, Any]) -> float:
    """S3 says `LastModified`, Google `mtime`, memory `created`; a time or seconds since 1970."""
    when = next((found[name] for name in ("LastModified", "mtime", "created") if found.get(name) is not None), 0.0)
    return float(when.timestamp() if isinstance(when, datetime) else when)


def _told(error: Exception) -> str:
    """In one line."""
    return shown(" ".join(str(error).split()) or type(error).__name__)
