"""Standard output, whose errors can be told from those of files: they name it."""

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

STANDARD_OUTPUT = "standard output"


class _Named(io.FileIO):
    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            error.filename = STANDARD_OUTPUT
            raise


@contextmanager
def named_output() -> Iterator[None]:
    """Within it, an error in writing to standard output has the file name STANDARD_OUTPUT. All is written at its end,
    or that error raised. Does nothing where standard output is no file, in a notebook or a test, say."""
    usual: Any = sys.stdout
    descriptor = _descriptor(usual)
    if descriptor is None:
        yield
        return
    usual.flush()
    raw = _Named(descriptor, "wb", closefd=False)
    named = io.TextIOWrapper(
        raw if isinstance(usual.buffer, io.RawIOBase) else io.BufferedWriter(raw),  # Unbuffered by `python -u`.
        encoding=usual.encoding,
        errors=usual.errors,
        line_buffering=usual.line_buffering,
        write_through=usual.write_through,
    )
    sys.stdout = named
    try:
        yield
    finally:
        if sys.stdout is named:
            sys.stdout = usual
        named.flush()


def _descriptor(stream: Any) -> int | None:
    """Of a stream that writes to a file and to nothing else; None of a console of Windows, too."""
    if type(stream) is not io.TextIOWrapper:
        return None
    raw = getattr(stream.buffer, "raw", stream.buffer)
    return raw.fileno() if isinstance(raw, io.FileIO) and not raw.closed else None


def of_standard_output(error: OSError) -> bool:
    """Whether it was raised in writing there."""
    return isinstance(error.filename, str) and error.filename == STANDARD_OUTPUT
