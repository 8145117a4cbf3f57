"""One run of a program, in a process group of its own, and its end.

The group is what ends: the program and all that it started, unless that made a group of its own. A worker that is
killed cannot end its program; a `sh` beside it does then, since its input closes with the worker.
"""

import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import IO

from lrtune.trainers.programs.group import is_group_gone, send_to_group

LOOK_EVERY_SECONDS = 0.05
STRAGGLERS_SECONDS = 2.0
"""For what a program leaves behind when it ends by itself."""
KILLED_SECONDS = 5.0
"""For the system to end what was killed; who waits for a disk meanwhile is left to it."""

_GUARD = """
while read -r line; do group=$line; done
[ -z "$group" ] || { kill -TERM -"$group"; sleep 5; kill -KILL -"$group"; }
"""
"""Gets the number of the group that there is now, or an empty line for none."""


class Process:
    """A program that runs. Its output is in `stdout` and `stderr`."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Starts it. Raises OSError."""
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=pipe,
            stderr=pipe,
            env=dict(environment),
            process_group=0,
            bufsize=0,
        )
        self.pid = self._process.pid
        self._gone = False
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self.stdout: IO[bytes] = self._process.stdout
        self.stderr: IO[bytes] = self._process.stderr

    def poll(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""
        return self._process.poll()

    def wait(self, seconds: float) -> None:
        """Waits for its end, no longer than `seconds`."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)

    def close(self) -> None:
        """Closes what its output came through."""
        self.stdout.close()
        self.stderr.close()

    def kill(self) -> None:
        """SIGKILL to all of it, now."""
        self._send(signal.SIGKILL)

    def end(self, wait: Callable[[Callable[[], bool], float], object], grace_seconds: float) -> None:
        """Ends all of it: SIGTERM, up to `grace_seconds`, SIGKILL.

        `wait(ended, seconds)` waits until `ended()`, and may do something meanwhile.
        """
        self._send(signal.SIGTERM)
        self._send(signal.SIGCONT)  # One that is stopped hears nothing else.
        wait(self.is_gone, grace_seconds)
        if not self.is_gone():
            self.kill()
            until(self.is_gone, KILLED_SECONDS)

    def end_stragglers(self) -> None:
        """Ends what the program, which has ended, left running."""
        if not self.is_gone():
            self.end(until, STRAGGLERS_SECONDS)

    def is_gone(self) -> bool:
        """Whether nothing of it is left."""
        self._gone = self._gone or (self.poll() is not None and is_group_gone(self.pid))
        return self._gone

    def _send(self, number: signal.Signals) -> None:
        if not self._gone:  # Its number may be another's by then.
            send_to_group(self.pid, number)


def until(ended: Callable[[], bool], seconds: float) -> None:
    """Waits until `ended()`, no longer than `seconds`."""
    deadline = time.monotonic() + seconds
    while not ended() and time.monotonic() < deadline:
        time.sleep(LOOK_EVERY_SECONDS)


class Guard:
    """Ends the program of a worker that was killed. It ends by itself when the worker has."""

    def __init__(self) -> None:
        self._shell: subprocess.Popen[bytes] | None = None

    def watch(self, process: Process | None) -> None:
        """From now on it is about this one; None: about none."""
        if self._shell is None:
            nothing = subprocess.DEVNULL
            self._shell = subprocess.Popen(
                ["/bin/sh", "-c", _GUARD],
                stdin=subprocess.PIPE,
                stdout=nothing,
                stderr=nothing,
                start_new_session=True,
                bufsize=0,
            )
        assert self._shell.stdin is not None
        with suppress(OSError):
            self._shell.stdin.write(f"{'' if process is None else process.pid}\n".encode())

    def close(self) -> None:
        """Ends it, with nothing to do."""
        if self._shell is not None and self._shell.stdin is not None:
            self.watch(None)
            self._shell.stdin.close()
            self._shell.wait()
            self._shell = None
