"""A worker's process, as any engine runs it on the machine that it has chosen."""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TextIO

from lrtune.trainers.launchers.engine import Fault
from lrtune.trainers.worker.parent_watch import owned_environment

COMMAND_MODULE = "lrtune.service.cli.main"
NAME_VARIABLE = "LRTUNE_WORKER"
REPLACED = ("LRTUNE_CONCURRENCY", "LRTUNE_TOKEN", "LRTUNE_TOKEN_FILE")
"""Of the environment that a worker finds: where the launch says another, or says that there is none."""

_LONGEST_LINE = 500
_OURS = "lrtune: "

logger = logging.getLogger(__name__)


class WorkerProcess:
    """`lrtune` with these arguments, in a process group of its own; it ends with the process that made this.

    Signals in `deaf_to` do not reach it, nor what it starts.
    What it writes to standard error goes to `err`, and the last line of it tells why it failed.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        name: str,
        *,
        err: TextIO | None = None,
        deaf_to: Sequence[signal.Signals] = (),
    ) -> None:
        kept = {key: value for key, value in os.environ.items() if key not in REPLACED}
        self._err = err or sys.stderr
        self._last = ""
        self._told_to_end = False
        with _blocked(deaf_to):
            self._process = subprocess.Popen(
                [sys.executable, "-m", COMMAND_MODULE, *arguments],
                env=owned_environment({**kept, "PYTHONUNBUFFERED": "1", **environment, NAME_VARIABLE: name}),
                stdin=subprocess.PIPE,
                stderr=subprocess.PIPE,
                process_group=0,
            )
        self._reader = threading.Thread(target=self._pass_on, name="lrtune-worker-stderr", daemon=True)
        self._reader.start()

    @property
    def process(self) -> "subprocess.Popen[bytes]":
        """The process."""
        return self._process

    def poll(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""
        return self._process.poll()

    def fault(self) -> Fault | None:
        """Why it ended, of one that has; None where it ended in good order."""
        code = self._process.wait()
        self._reader.join(1.0)
        if code == 0:
            return None
        if code < 0:
            return Fault(f"it was killed by {_signal_name(-code)}")
        return Fault(self._last.removeprefix(_OURS) or f"it ended with exit code {code}, and said nothing")

    def terminate(self) -> None:
        """Asks it to give its trial back and end; once, since it drops the trial when it is asked again."""
        if not self._told_to_end:
            self._told_to_end = True
            self._process.terminate()

    def end(self, grace_seconds: float) -> None:
        """The same, and waits; after `grace_seconds` it is killed."""
        self.terminate()
        deadline = time.monotonic() + grace_seconds
        while self._process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.1)  # Not `wait`: where a signal's handler calls this, the main thread may hold its lock.
        if self._process.poll() is None:
            self._process.kill()

    def close(self) -> None:
        """Lets go of the pipes of one that has ended."""
        self._reader.join(1.0)
        for pipe in (self._process.stdin, self._process.stderr):
            if pipe is not None and not (pipe is self._process.stderr and self._reader.is_alive()):
                pipe.close()

    def _pass_on(self) -> None:
        assert self._process.stderr is not None
        try:
            for line in self._process.stderr:
                text = line.decode("utf-8", "replace")
                self._last = text.strip()[:_LONGEST_LINE] or self._last
                self._err.write(text)
                self._err.flush()
        except (OSError, ValueError):
            logger.debug("what a worker prints cannot be passed on", exc_info=True)


@contextmanager
def _blocked(signals: Sequence[signal.Signals]) -> Iterator[None]:
    """What is started meanwhile never gets these; this process gets them afterwards."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
