"""Owns worker processes: starts them, restarts one that a signal killed, and never leaves one behind.

Each runs in a process group of its own, so that Ctrl-C in a terminal reaches the supervisor alone, which
passes on one SIGTERM; a second would tell a worker to drop its trial. A worker whose supervisor has gone ends too
(`worker.parent_watch`).
"""

import logging
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from lrtune.trainers.worker.grace import GRACE_SECONDS, LEAVING_SECONDS
from lrtune.trainers.worker.parent_watch import owned_environment

MOST_RESTARTS = 3
"""Of each worker."""
LOOK_EVERY_SECONDS = 0.2

logger = logging.getLogger(__name__)


class Supervisor:
    """`count` processes of `command`. Within `with`, they run; when it ends, none is left."""

    def __init__(
        self,
        command: Sequence[str],
        count: int,
        *,
        grace_seconds: float = GRACE_SECONDS + LEAVING_SECONDS,
        start: Callable[[Sequence[str]], "subprocess.Popen[bytes]"] | None = None,
    ) -> None:
        self._command = command
        self._count = count
        self._grace_seconds = grace_seconds
        self._start = start or _start
        self._children: list[subprocess.Popen[bytes]] = []
        self._restarts: list[int] = [0] * count
        self._settled: set[int] = set()

    def __enter__(self) -> Self:
        self._children = [self._start(self._command) for _ in range(self._count)]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    @property
    def pids(self) -> list[int]:
        """The processes that run."""
        return [child.pid for child in self._children if child.poll() is None]

    def wait(self, stopping: threading.Event) -> int:
        """Waits until every worker has ended, or `stopping` is set; the highest exit code so far.

        A worker that a signal killed counts as 1 once its restarts are used up.
        """
        while not stopping.is_set() and self.look():
            stopping.wait(LOOK_EVERY_SECONDS)
        codes = [child.poll() for child in self._children]
        return max((1 if code < 0 else code for code in codes if code is not None), default=0)

    def look(self) -> bool:
        """Restarts what a signal killed; whether any worker is still running."""
        for slot, child in enumerate(self._children):
            code = child.poll()
            if code is None or slot in self._settled:
                continue
            if code < 0 and self._restarts[slot] < MOST_RESTARTS:
                self._restarts[slot] += 1
                self._children[slot] = self._start(self._command)
                logger.warning(
                    "worker %d was killed by %s; started %d in its place (restart %d of %d)",
                    *(child.pid, _name(-code), self._children[slot].pid, self._restarts[slot], MOST_RESTARTS),
                )
                continue
            self._settled.add(slot)
            if code < 0:
                logger.error("worker %d was killed by %s and is not restarted again", child.pid, _name(-code))
        return len(self._settled) < self._count

    def end(self) -> None:
        """SIGTERM to all, up to `grace_seconds` for them to end, then SIGKILL."""
        end_processes(self._children, grace_seconds=self._grace_seconds)

    def kill(self) -> None:
        """SIGKILL to all, now."""
        for child in self._children:
            child.kill()


def end_processes(processes: Sequence["subprocess.Popen[bytes]"], *, grace_seconds: float) -> None:
    """Ends the processes that still run: SIGTERM, a wait of `grace_seconds` over all, SIGKILL."""
    running = [process for process in processes if process.poll() is None]
    for process in running:
        process.terminate()
    deadline = time.monotonic() + grace_seconds
    for process in running:
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            logger.warning("process %d did not end within %.0f s: killed", process.pid, grace_seconds)
            process.kill()
            process.wait()
    for process in processes:
        if process.stdin is not None:
            process.stdin.close()


def _start(command: Sequence[str]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(command, stdin=subprocess.PIPE, env=owned_environment(), process_group=0)


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
