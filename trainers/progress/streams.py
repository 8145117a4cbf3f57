"""Hearing what a program writes to its own streams, so that it is not mixed with what is drawn in place."""

import contextlib
import os
from collections.abc import Callable, Iterable
from typing import Any, TextIO

Heard = Callable[[Callable[[], Any], str], Any]
"""Called with a write that is to be made, and its text; makes it, and returns what it returned."""


class Hearing:
    """While it is on, every `write` of the streams goes through `heard`; `raw` does not.

    The stream objects stay as they are, and what holds one (a handler of `logging`, `print`, rich) is heard, too. A
    forked child is not: it writes as if there were no Hearing. A stream that lets no method be replaced is left alone.
    """

    def __init__(self, streams: Iterable[TextIO], heard: Heard) -> None:
        self._heard = heard
        self._pid = os.getpid()
        self._ended = False
        self._writes: list[tuple[TextIO, Callable[[str], Any], Callable[[str], Any]]] = []
        for stream in {id(stream): stream for stream in streams}.values():
            self._hear(stream)

    def _hear(self, stream: TextIO) -> None:
        plain = stream.write

        def write(text: str) -> Any:
            if self._ended or os.getpid() != self._pid:
                return plain(text)
            return self._heard(lambda: plain(text), text)

        try:
            stream.write = write  # type: ignore[method-assign]
        except (AttributeError, TypeError):
            return
        self._writes.append((stream, plain, write))

    def raw(self, stream: TextIO, text: str) -> None:
        """Writes without being heard; nothing where the stream is closed or gone."""
        plain = next((plain for heard, plain, _ in self._writes if heard is stream), stream.write)
        with contextlib.suppress(OSError, ValueError):  # Closed, or a terminal that is gone.
            plain(text)
            stream.flush()

    def end(self) -> None:
        """The streams are as they were; where something else listens on top of this, its writes pass through."""
        self._ended = True
        for stream, plain, write in self._writes:
            if stream.__dict__.get("write") is not write:
                continue
            if getattr(plain, "__self__", None) is stream:
                del stream.write
            else:  # Somebody had replaced it before.
                stream.write = plain  # type: ignore[method-assign]
