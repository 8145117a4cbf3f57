"""The thread that reads what a program prints and reports, so that the program never waits for the service.

What it finds goes into an `Inbox`, in the order in which it came.
"""

import codecs
import os
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import count
from typing import IO

from lrtune.trainers.programs.calls import LONGEST_CALL, SENDING_SECONDS, Call, read_call, send
from lrtune.trainers.programs.lines import Line, Lines, Tail
from lrtune.trainers.programs.losses import Find, Losses, Point, SlowPattern

MOST_WAITING = 10_000
"""Points that the service has not taken yet; then the program waits, at its full pipe."""
AFTER_END_SECONDS = 1.0
"""For what is left in the pipes of a program that has ended, while somebody else holds them open."""
ABANDON_SECONDS = 3.0
"""For what the thread does at the moment; it is left alone where that takes longer."""

Pass = Callable[[str], None]


class Inbox:
    """What the reader has found and nobody has taken yet."""

    def __init__(self) -> None:
        self._items: deque[Point | Call] = deque()
        self._changed = threading.Condition()
        self._closed = False

    def put(self, items: Iterable[Point | Call]) -> None:
        """Waits where there is too much already."""
        with self._changed:
            for item in items:
                self._changed.wait_for(lambda: self._closed or len(self._items) < MOST_WAITING)
                self._items.append(item)
                self._changed.notify_all()

    def take(self, seconds: float) -> list[Point | Call]:
        """All there is, waited for no longer than `seconds`; empty at once after the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._items, seconds)
            items = list(self._items)
            self._items.clear()
            self._changed.notify_all()
        return items

    def __bool__(self) -> bool:
        return bool(self._items)

    def close(self) -> None:
        """There will be no more, and nobody waits any longer."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


class Reader:
    """Reads until both streams have ended, or `finish` is called."""

    def __init__(
        self,
        streams: Iterable[tuple[IO[bytes], Pass | None]],
        listener: socket.socket,
        *,
        find: Find,
        first_count: int,
        shift: int,
    ) -> None:
        """`streams`: each with what its text is passed on to. Steps that are not printed count from `first_count`."""
        self.inbox = Inbox()
        self.tail = Tail()
        self.ended = threading.Event()
        self.error: Exception | None = None
        """Why no losses are found any more."""
        numbers = count(first_count)
        self._selector = selectors.DefaultSelector()
        self._streams: dict[int, _Stream] = {}
        for stream, onward in streams:
            losses = Losses(find, count=numbers, shift=shift)
            self._streams[stream.fileno()] = _Stream(losses, onward)
            self._selector.register(stream, selectors.EVENT_READ, self._read)
        self._callers: dict[socket.socket, bytes] = {}
        self._listener = listener
        self._selector.register(listener, selectors.EVENT_READ, self._accept)
        self._deadline: float | None = None
        self._abandoned = False
        self._open = len(self._streams)
        self._thread = threading.Thread(target=self._run, name="lrtune-program", daemon=True)
        self._thread.start()

    @property
    def odd_step(self) -> float | None:
        """A step that was printed and is no whole number."""
        return next((s.losses.odd_step for s in self._streams.values() if s.losses.odd_step is not None), None)

    @property
    def unread(self) -> tuple[int, str]:
        """How many lines had a value that is no number, and what stood for it in one of them."""
        losses = [stream.losses for stream in self._streams.values()]
        return sum(one.unread for one in losses), next((one.written for one in losses if one.unread), "")

    def finish(self) -> None:
        """Reads what is left, for a second at the most; `ended` is set then. The inbox has to be emptied meanwhile."""
        self._deadline = time.monotonic() + AFTER_END_SECONDS

    def abandon(self) -> None:
        """Ends the thread, whatever is left, within 3 s: one that stands still by then ends when it goes on."""
        self.inbox.close()
        self._deadline = 0.0
        self._abandoned = True
        self._thread.join(ABANDON_SECONDS)

    def _run(self) -> None:
        try:
            while self._open and not self._is_late():
                for key, _ in self._selector.select(0.1):
                    key.data(key.fileobj)
            for stream in self._streams.values():
                self._look(stream, stream.end())
                self.inbox.put(stream.losses.end())
            self.ended.set()
            while self._deadline is None:  # Both streams are closed; the program may live on, and call.
                for key, _ in self._selector.select(0.1):
                    key.data(key.fileobj)
        except Exception as error:  # Else the program would stand still at a full pipe, and nobody would know why.
            self.error = error
        finally:
            self._selector.close()
            for caller in self._callers:
                caller.close()
            self.ended.set()

    def _is_late(self) -> bool:
        return self._deadline is not None and time.monotonic() > self._deadline

    def _read(self, file: IO[bytes]) -> None:
        content = os.read(file.fileno(), 65_536)
        if not content:
            self._selector.unregister(file)
            self._open -= 1
            return
        stream = self._streams[file.fileno()]
        self._look(stream, stream.take(content))

    def _look(self, stream: "_Stream", lines: Iterable[Line]) -> None:
        for line in lines:
            if self._abandoned:
                return
            self.tail.keep(line)
            if self.error is None:
                try:
                    self.inbox.put(list(stream.losses.take(line)))
                except SlowPattern as error:  # The rest is read all the same, or the program would stand still.
                    self.error = error

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            caller, _ = listener.accept()
            caller.settimeout(SENDING_SECONDS)
            self._callers[caller] = b""
            self._selector.register(caller, selectors.EVENT_READ, self._hear)

    def _hear(self, caller: socket.socket) -> None:
        try:
            piece = caller.recv(4096)
        except OSError:
            piece = b""
        said = self._callers[caller] + piece
        self._callers[caller] = said
        if piece and b"\n" not in said and len(said) <= LONGEST_CALL:
            return
        self._selector.unregister(caller)
        del self._callers[caller]
        try:
            self.inbox.put([read_call(said, caller)])
        except ValueError as error:
            send(caller, {"error": str(error)})


class _Stream:
    """One of a program's two outputs."""

    def __init__(self, losses: Losses, onward: Pass | None) -> None:
        self.losses = losses
        self._lines = Lines()
        self._onward = onward
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def take(self, content: bytes) -> Iterable[Line]:
        """The lines that end in what was printed; all of it is passed on."""
        if self._onward is not None:
            self._onward(self._decoder.decode(content))
        return self._lines.take(content)

    def end(self) -> Iterable[Line]:
        """A last line that has no end."""
        return self._lines.end()
