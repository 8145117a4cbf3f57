"""SIGTERM, SIGHUP, SIGUSR1 and Ctrl-C: the first ends a process in good order, the second at once."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Self

from lrtune.trainers.client.notice import Notice
from lrtune.trainers.errors import Shutdown
from lrtune.trainers.worker.grace import GRACE_SECONDS

__all__ = ["Shutdown", "Signals"]

ECHO_SECONDS = 1.0
"""A second SIGTERM that soon is the first one: a scheduler sends it to all processes, and who owns one passes it on."""


_ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1)
"""Slurm sends SIGUSR1 some time before SIGTERM where `--signal=USR1@60` says so."""


class Signals:
    """Within `with Signals() as signals:`, a signal sets `stopping`, and raises Shutdown only inside
    `with signals.interrupting():`, so that a result on its way is not torn. A second one calls what is in
    `at_once`, then ends the process. Outside the main thread it does nothing. Others may set `stopping`, too: then
    nothing new is begun, and nothing raised.

    Where `notice` is heeded, Shutdown is raised only after `grace_seconds`, unless the training has left by then;
    Ctrl-C is not waited for."""

    def __init__(self, grace_seconds: float = GRACE_SECONDS) -> None:
        self.stopping = threading.Event()
        self.at_once: list[Callable[[], object]] = []
        self.notice = Notice()
        self._grace_seconds = grace_seconds
        self._timer: threading.Timer | None = None
        self._grace_is_over = False
        self._received: signal.Signals | None = None
        self._received_at = 0.0
        self._interrupting = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in _ENDING:
                handled = signal.getsignal(number)
                if number == signal.SIGHUP and handled == signal.SIG_IGN:
                    continue  # nohup
                if number == signal.SIGUSR1 and handled != signal.SIG_DFL:
                    continue  # The script's own.
                self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        self._end_grace()
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self._grace_is_over:
            self._grace_is_over = False
            self._interrupt()
        elif self._received is None:
            self._received, self._received_at = signal.Signals(number), time.monotonic()
            self.stopping.set()
            self.notice.give(number)
            if self._interrupting and self.notice.is_heeded and number != signal.SIGINT:
                self._begin_grace()
            else:
                self._interrupt()
        elif self._received == signal.SIGUSR1 and number == signal.SIGTERM:
            self._received, self._received_at = signal.SIGTERM, time.monotonic()
            self._interrupt()
        elif not (self._received == number == signal.SIGTERM and time.monotonic() - self._received_at < ECHO_SECONDS):
            for end in self.at_once:
                end()
            os._exit(128 + number)

    def _interrupt(self) -> None:
        if self._interrupting:
            raise Shutdown(self._received or signal.SIGTERM)

    def _begin_grace(self) -> None:
        self._timer = threading.Timer(self._grace_seconds, self._end_patience)
        self._timer.daemon = True
        self._timer.start()

    def _end_patience(self) -> None:
        """In the timer's thread. A signal of the system's, since that also ends a wait within a call of the system."""
        self._grace_is_over = True
        signal.pthread_kill(threading.main_thread().ident or 0, self._received or signal.SIGTERM)

    def _end_grace(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer.join()
            self._timer = None

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
            self._end_grace()

    def check(self) -> None:
        """Raises Shutdown if a signal has come."""
        if self._received is not None:
            raise Shutdown(self._received)
