"""One lease's file: written by its owner, who has it locked for as long as he lives, and read in order."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from lrtune.trainers.client.spool.entries import End, Finished, GivenBack, Owner, Told, read, written
from lrtune.trainers.client.spool.folder import Spooling
from lrtune.trainers.client.spool.lines import whole_lines

try:
    import fcntl
except ImportError:  # Windows, where nothing keeps two owners apart: no files there.
    fcntl = None  # type: ignore[assignment]

_FLAGS = os.O_RDWR | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
_PIECE_BYTES = 1024 * 1024
"""Read at a time; no line is as long."""


class SpoolFull(OSError):
    """The file has as many bytes as it may have."""


class Garbled(ValueError):
    """Not a spool file of this version: its first line is not whole, or says something else."""


class SpoolFile:
    """The file of `owner`, locked; closing it lets others have it.

    Reading goes on where it ended, up to what is written whole; one thread may read while another writes.
    """

    def __init__(self, path: Path, file: int, owner: Owner, most_bytes: int, size: int, read_to: int) -> None:
        self.path = path
        self.owner = owner
        self._file = file
        self._most_bytes = most_bytes
        self._size = size
        self._read_to = read_to
        self._unsynced = False

    @classmethod
    def begin(cls, spooling: Spooling, owner: Owner) -> Self:
        """A new file. Raises OSError; SpoolFull where there is to be none."""
        first, path = written(owner), spooling.path_of(owner)
        if spooling.most_bytes < len(first):
            raise SpoolFull(f"{spooling.most_bytes} bytes are too few for a spool")
        spooling.make()
        new = path.with_suffix(".new")  # Until it is locked: others take what nobody has locked.
        file = os.open(new, _FLAGS | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            _lock(file)
            made = cls(path, file, owner, spooling.most_bytes, 0, len(first))
            made._write(first)
            new.rename(path)
        except BaseException:
            os.close(file)
            new.unlink(missing_ok=True)
            raise
        return made

    @classmethod
    def take(cls, path: Path) -> Self:
        """A file that nobody has any more. Raises BlockingIOError where somebody has it still, OSError, Garbled."""
        file = os.open(path, _FLAGS)
        try:
            _lock(file)
            if not os.path.samestat(os.fstat(file), path.stat()):
                raise FileNotFoundError(f"{path} was taken by another process just now")
            owner, read_to = _owner(os.pread(file, _PIECE_BYTES, 0))
            return cls(path, file, owner, 0, os.fstat(file).st_size, read_to)
        except BaseException:
            os.close(file)
            raise

    # Writing

    def append(self, entries: Sequence[Told | End], *, beyond: bool = False) -> None:
        """Write these: they outlive this process then, and after `sync` the machine's end. `beyond`: though it be
        full. Raises SpoolFull, OSError; the file is as before then."""
        content = b"".join(map(written, entries))
        if not beyond and self._size + len(content) > self._most_bytes:
            raise SpoolFull(f"{self.path} has reached its {self._most_bytes} bytes")
        self._write(content)

    def _write(self, content: bytes) -> None:
        done = 0
        try:
            while done < len(content):
                done += os.pwrite(self._file, content[done:], self._size + done)
        except OSError:
            os.ftruncate(self._file, self._size)
            raise
        self._size += done
        self._unsynced = True

    def sync(self) -> None:
        """Return once what was written is on the disk. Raises OSError."""
        if self._unsynced:
            self._unsynced = False
            os.fsync(self._file)

    # Reading

    def next(self, most: int) -> tuple[list[Told], End | None, int]:
        """Up to `most` reports from where reading has come to, the end where it comes next, and where reading is then.

        Neither of them: nothing more is there, or what follows is not whole. Raises OSError.
        """
        told: list[Told] = []
        at = self._read_to
        while len(told) < most:
            piece = os.pread(self._file, min(_PIECE_BYTES, self._size - at), at)
            begun = at
            for body, end in whole_lines(piece):
                entry = _entry(body)
                if not isinstance(entry, Told):
                    return told, (None if told else entry), at
                told.append(entry)
                at = begun + end
                if len(told) == most:
                    break
            if at == begun:
                break
        return told, None, at

    def taken(self, read_to: int) -> None:
        """What `next` gave is told."""
        self._read_to = read_to

    @property
    def unread_bytes(self) -> int:
        """What is left to read; or is not whole, where `next` gives nothing."""
        return self._size - self._read_to

    def skip_rest(self) -> None:
        """What is left cannot be read."""
        self._read_to = self._size

    # The end

    def remove(self) -> None:
        """All is told."""
        self.path.unlink(missing_ok=True)
        self.close()

    def set_aside(self) -> Path:
        """Nobody reads it again, but people; where it lies then."""
        self.close()
        return set_aside(self.path)

    def close(self) -> None:
        """Leave it to others as it is."""
        os.close(self._file)


def set_aside(path: Path) -> Path:
    """Give a file that cannot be read another name, under which nobody looks; that name."""
    aside = path.with_name(f"{path.name}.broken")
    path.replace(aside)
    return aside


def _lock(file: int) -> None:
    if fcntl is None:
        raise OSError("this system has no locks for spool files")
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _owner(content: bytes) -> tuple[Owner, int]:
    for body, end in whole_lines(content):
        try:
            entry = read(body)
        except ValueError:
            break
        if isinstance(entry, Owner):
            return entry, end
        break
    raise Garbled("its first line does not say of which lease it is")


def _entry(body: bytes) -> Told | Finished | GivenBack | None:
    """What a line says; None where this version cannot read it, which ends the reading."""
    try:
        entry = read(body)
    except ValueError:
        return None
    return None if isinstance(entry, Owner) else entry
