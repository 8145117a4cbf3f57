"""The processes of the demo: the service and its workers. Their output goes to log files."""

import os
import queue
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from lrtune.service.cli.output import own_command
from lrtune.trainers.errors import LrtuneError
from lrtune.trainers.worker.parent_watch import owned_environment
from lrtune.trainers.worker.signals import Signals
from lrtune.trainers.worker.supervisor import Supervisor, end_processes

START_SECONDS = 30.0
LOOK_EVERY_SECONDS = 0.1
GRACE_SECONDS = 10.0
TASK = "lrtune.trainers.tasks.builtin.digits:train_whole"


def storage_url(folder: Path) -> str:
    """The demo's SQLite database in `folder`."""
    return f"sqlite:///{(folder / 'lrtune.db').resolve()}"


@contextmanager
def running_service(folder: Path, signals: Signals) -> Iterator[str]:
    """A service on a free loopback port; yields its address. It has ended when the block has.

    Raises LrtuneError where it does not start within 30 s.
    """
    log = folder / "service.log"
    command = [
        *own_command(),
        "serve",
        "--host",
        "127.0.0.1",
        "--port",
        "0",
        "--storage",
        storage_url(folder),
    ]
    with log.open("wb") as errors:
        process = _start(command, stdout=subprocess.PIPE, stderr=errors)
        signals.at_once.append(process.kill)
        try:
            yield _address(process, log, signals)
        finally:
            end_processes([process], grace_seconds=GRACE_SECONDS)


def _address(process: "subprocess.Popen[bytes]", log: Path, signals: Signals) -> str:
    lines: queue.Queue[str] = queue.Queue()
    threading.Thread(target=_read_lines, args=(process.stdout, lines), daemon=True).start()
    deadline = time.monotonic() + START_SECONDS
    while lines.empty():
        signals.check()
        if time.monotonic() > deadline:
            raise LrtuneError(f"the service did not start within {START_SECONDS:.0f} s: see {log}")
        signals.stopping.wait(LOOK_EVERY_SECONDS)
    line = lines.get()
    marker = "serving on "
    if marker not in line:
        raise LrtuneError(
            f"the service did not start: {last_line(log).removeprefix('lrtune: ') or line or f'see {log}'}"
        )
    return line.partition(marker)[2].strip()


def _read_lines(stream: IO[bytes] | None, lines: "queue.Queue[str]") -> None:
    """Reads to the end, so that the service never waits for a full pipe. An empty line: it has ended."""
    if stream is not None:
        for line in stream:
            lines.put(line.decode(errors="replace"))
    lines.put("")


@contextmanager
def running_workers(address: str, study: str, count: int, folder: Path, signals: Signals) -> Iterator[Supervisor]:
    """`count` worker processes on the digits; none is left when the block has ended."""
    command = [*own_command(), "worker", "--verbose", "--server", address, "--study", study, "--task", TASK]
    with (folder / "workers.log").open("wb") as log:
        supervisor = Supervisor(
            [*command, "--concurrency", "1"],
            count,
            grace_seconds=GRACE_SECONDS,
            start=lambda command: _start(command, stdout=log, stderr=log),
        )
        with supervisor:
            signals.at_once.append(supervisor.kill)
            yield supervisor


def last_line(log: Path) -> str:
    """The last line of a log, which tells why a process ended; empty where there is none."""
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else ""


def _start(command: Sequence[str], *, stdout: int | IO[bytes], stderr: int | IO[bytes]) -> "subprocess.Popen[bytes]":
    """In a process group of its own: Ctrl-C reaches the demo alone, which ends the others in order."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("LRTUNE_")}
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=stdout,
        stderr=stderr,
        env=owned_environment(environment),
        process_group=0,
    )
