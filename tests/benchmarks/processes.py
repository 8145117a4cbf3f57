"""The processes of a measurement. Each ends with the block that started it, and by itself should its owner die."""

import contextlib
import ctypes
import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, Self

from lrtune.trainers.worker.parent_watch import owned_environment

_START_SECONDS = 120.0
_ANSWER_SECONDS = 900.0
_GRACE_SECONDS = 15.0


class BenchError(Exception):
    """A measurement could not be made. The message says which, and where to look."""


class Process:
    """`python -m MODULE ARGUMENTS…`, its output read in a thread, its errors in a file."""

    def __init__(self, module: str, *arguments: str, log: Path, environment: Mapping[str, str] | None = None) -> None:
        self.module = module
        self._log = log
        self._lines: queue.Queue[str | None] = queue.Queue()
        plain = {key: value for key, value in os.environ.items() if not key.startswith("LRTUNE_")}
        # The folder we were imported from, in front: what is measured is this very code.
        plain["PYTHONPATH"] = os.pathsep.join(filter(None, (_root(), plain.get("PYTHONPATH", ""))))
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=owned_environment(plain | dict(environment or {})),
                process_group=0,
            )
        threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def _read(self, stream: IO[bytes]) -> None:
        for line in stream:
            self._lines.put(line.decode(errors="replace").rstrip("\n"))
        self._lines.put(None)

    def line(self, timeout_seconds: float) -> str:
        """The next line of its output. Raises BenchError where it ends or stays silent."""
        try:
            line = self._lines.get(timeout=timeout_seconds)
        except queue.Empty:
            raise BenchError(f"{self.module} said nothing for {timeout_seconds:.0f} s{self._last_words()}") from None
        if line is None:
            raise BenchError(f"{self.module} ended with code {self._process.wait()}{self._last_words()}")
        return line

    def _last_words(self) -> str:
        lines = [line for line in self._log.read_text(errors="replace").splitlines() if line.strip()]
        return f": {lines[-1]}" if lines else ""

    def write(self, text: str) -> None:
        """Write to its standard input."""
        stream = self._process.stdin
        assert stream is not None
        try:
            stream.write(text.encode())
            stream.flush()
        except BrokenPipeError:
            raise BenchError(f"{self.module} has ended{self._last_words()}") from None

    @property
    def resident_bytes(self) -> int:
        """Its resident memory."""
        return resident_bytes(self._process.pid)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def kill(self) -> None:
        """kill −9, without waiting for its end."""
        self._process.kill()

    def end(self) -> None:
        """End it: politely for 15 s, and whatever it started with it."""
        process = self._process
        if process.poll() is None:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_GRACE_SECONDS)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if process.stdin is not None:
            process.stdin.close()


class Server(Process):
    """A process that says where it serves. Its address is known once `wait` has returned."""

    address = ""

    def wait(self) -> Self:
        """Wait until it serves. Raises BenchError where it does not."""
        found = re.search(r"serving on (\S+)", self.line(_START_SECONDS))
        if found is None:
            raise BenchError(f"{self.module} did not start{self._last_words()}")
        self.address = found[1]
        return self

    @property
    def port(self) -> int:
        """The port of its address."""
        return int(self.address.rpartition(":")[2])


class JsonLinesProcess(Process):
    """A process that answers a line of JSON with a line of JSON: see `tests.benchmarks.storage.json_lines`."""

    def send(self, **task: Any) -> None:
        """Give it something to do."""
        self.write(json.dumps(task) + "\n")

    def receive(self) -> Any:
        """What came of it. Raises BenchError where it failed."""
        reply = json.loads(self.line(_ANSWER_SECONDS))
        if "error" in reply:
            raise BenchError(f"{self.module}: {reply['error']}")
        return reply["result"]

    def call(self, **task: Any) -> Any:
        """Give it something to do and wait for what comes of it."""
        self.send(**task)
        return self.receive()


_SERVE = ("serve", "--host", "127.0.0.1", "--port", "0", "--log-level", "warning", "--dashboard")


def service_process(url: str, log: Path) -> Server:
    """`lrtune serve` on a free loopback port and the database at `url`."""
    return Server("lrtune.service.cli.main", *_SERVE, log=log, environment={"LRTUNE_STORAGE": url})


def timed_service_process(url: str, timings: Path, log: Path) -> Server:
    """The same; once it has ended, `timings` holds its collections: see `tests.benchmarks.storage.timed_service`."""
    module = "tests.benchmarks.storage.timed_service"
    return Server(module, str(timings), *_SERVE, log=log, environment={"LRTUNE_STORAGE": url})


def resident_bytes(pid: int) -> int:
    """The resident memory of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def processor_seconds(pid: int) -> float:
    """The processor time that a process has used, all its threads together, to the nanosecond."""
    clock = ctypes.c_int()
    if error := ctypes.CDLL(None).clock_getcpuclockid(pid, ctypes.byref(clock)):
        raise OSError(error, os.strerror(error))
    return time.clock_gettime(clock.value)


def wait_until(deadline: float) -> None:
    """Sleep until `deadline` of the monotonic clock."""
    time.sleep(max(0.0, deadline - time.monotonic()))


def _root() -> str:
    return str(Path(__file__).resolve().parents[2])
