"""SIGTERM, SIGHUP and Ctrl-C: the first ends a process in good order, the second at once."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Self

from lrtune.trainers.errors import Shutdown

__all__ = ["Shutdown", "Signals"]

ECHO_SECONDS = 1.0
"""A second SIGTERM that soon is the first one: a scheduler sends it to all processes, and who owns one passes it on."""


class Signals:
    """Within `with Signals() as signals:`, a signal sets `stopping`, and raises Shutdown only inside
    `with signals.interrupting():`, so that a result on its way is not torn. A second one calls what is in
    `at_once`, then ends the process. Outside the main thread it does nothing. Others may set `stopping`, too: then
    nothing new is begun, and nothing raised."""

    def __init__(self) -> None:
        self.stopping = threading.Event()
        self.at_once: list[Callable[[], object]] = []
        self._received: signal.Signals | None = None
        self._received_at = 0.0
        self._interrupting = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                if number == signal.SIGHUP and signal.getsignal(number) == signal.SIG_IGN:
                    continue  # nohup
                self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self._received is not None:
            if self._received == number == signal.SIGTERM and time.monotonic() - self._received_at < ECHO_SECONDS:
                return
            for end in self.at_once:
                end()
            os._exit(128 + number)
        self._received, self._received_at = signal.Signals(number), time.monotonic()
        self.stopping.set()
        if self._interrupting:
            raise Shutdown(number)

    @property
    def received(self) -> int | None:
        """The signal by which the process was told to end; None before."""
        return self._received

    @contextmanager
    def interrupting(self) -> Iterator[None]:
        """Where a signal may break in at any point. Raises Shutdown, also for one that came before."""
        self._interrupting = True
        try:
            self.check()
            yield
        finally:
            self._interrupting = False

    def check(self) -> None:
        """Raises Shutdown if a signal has come."""
        if self._received is not None:
            raise Shutdown(self._received)
