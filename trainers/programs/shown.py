"""A program's output on a stream of this process, for as long as somebody reads that."""

import io
import os
import select
from contextlib import suppress
from typing import TextIO

PATIENCE_SECONDS = 1.0
"""For somebody who reads slowly. Then what comes is dropped, without a wait, until there is room again."""
_AT_ONCE_BYTES = select.PIPE_BUF
"""A pipe that has room takes so many without a wait."""


class Shown:
    """Writes text to a stream, as well as its encoding can, and never waits long for its reader.

    A pager that stands still, or a terminal after Ctrl-S, must not hold up whoever reads the program. What was not
    written is counted in `dropped`, in bytes; a reader that has gone for good wants nothing, and is not counted.
    """

    def __init__(self, stream: TextIO) -> None:
        self.dropped = 0
        self._stream = stream
        self._broken = False
        self._stuck = False
        with suppress(OSError, ValueError):
            if has_room(stream):
                stream.flush()  # What follows goes past its buffer.

    def write(self, text: str) -> None:
        """All of it, or what there is room for."""
        encoding = self._stream.encoding or "utf-8"
        content = text.encode(encoding, "backslashreplace")
        while content and not self._broken:
            try:
                self._stuck = not has_room(self._stream, 0.0 if self._stuck else PATIENCE_SECONDS)
                if self._stuck:
                    self.dropped += len(content)
                    return
                content = content[self._write_some(content) :]
            except (OSError, ValueError):
                self._broken = True

    def _write_some(self, content: bytes) -> int:
        if isinstance(self._stream, io.TextIOWrapper) and _descriptor(self._stream) is not None:
            # Not through its buffer: one that a thread waits in cannot be flushed when the process ends.
            return os.write(self._stream.fileno(), content[:_AT_ONCE_BYTES])
        self._stream.write(content.decode(self._stream.encoding or "utf-8"))
        self._stream.flush()
        return len(content)


def has_room(stream: TextIO, seconds: float = 0.0) -> bool:
    """Whether something can be written without a wait, within `seconds`. True of what is no file of the system.

    Raises OSError or ValueError where the stream is closed.
    """
    descriptor = _descriptor(stream)
    return descriptor is None or bool(select.select([], [descriptor], [], seconds)[1])


def _descriptor(stream: TextIO) -> int | None:
    try:
        return stream.fileno()
    except io.UnsupportedOperation:
        return None
