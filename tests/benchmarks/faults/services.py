"""The service's processes as faults meet them: killed, stopped, woken, started again on the same port."""

import contextlib
import signal
import subprocess
import time
from pathlib import Path
from typing import Self

import httpx2

from tests.benchmarks.processes import BenchError, Server

_LOOK_EVERY_SECONDS = 0.05
_LOOK_TIMEOUT_SECONDS = 1.0


class _Process(Server):
    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def exit_code(self, timeout_seconds: float) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(timeout_seconds)
        return None


class Service:
    """`lrtune serve` on one loopback port, whichever process that is at the time. Ends with the block."""

    module = "lrtune.service.cli.main"

    def __init__(self, url: str, log: Path, **settings: str) -> None:
        self.log = log
        self._environment = {"LRTUNE_STORAGE": url, **{f"LRTUNE_{name.upper()}": v for name, v in settings.items()}}
        self._port = 0
        self._http = httpx2.Client(timeout=_LOOK_TIMEOUT_SECONDS, trust_env=False)
        self._process = self._begin()

    def __enter__(self) -> Self:
        self._wait()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.signal(signal.SIGCONT)
        self._process.end()
        self._http.close()

    def _begin(self) -> _Process:
        options = ("serve", "--host", "127.0.0.1", "--port", str(self._port), "--log-level", "warning")
        return _Process(self.module, *options, log=self.log, environment=self._environment)

    def _wait(self) -> None:
        try:
            self._port = self._process.wait().port
        except BaseException:
            self._process.end()
            raise

    @property
    def address(self) -> str:
        """Where it listens."""
        return self._process.address

    @property
    def pid(self) -> int:
        """Of the process that serves now."""
        return self._process.pid

    def kill(self) -> None:
        """kill −9."""
        self._process.kill()
        self._process.end()

    def end(self) -> None:
        """SIGTERM, and wait for its end."""
        self._process.end()

    def start(self) -> None:
        """Start it again after its end. Raises BenchError where it does not serve."""
        self._process.end()
        self._process = self._begin()
        self._wait()

    def stop(self) -> None:
        """SIGSTOP."""
        self._process.signal(signal.SIGSTOP)

    def wake(self) -> None:
        """SIGCONT."""
        self._process.signal(signal.SIGCONT)

    def exit_code(self, timeout_seconds: float) -> int | None:
        """The code that it ended with by itself; None where it still runs after that time."""
        return self._process.exit_code(timeout_seconds)

    def readiness(self) -> str:
        """`ready`, else what `/readyz` says of the writer, as `standby`; empty where nothing answers."""
        try:
            answer = self._http.get(f"{self.address}/readyz")
            return "ready" if answer.status_code == 200 else str(answer.json()["writer"])
        except (httpx2.HTTPError, ValueError, KeyError):
            return ""

    def wait_until_not_ready(self, timeout_seconds: float) -> None:
        """Wait until it says that it is not ready, or says nothing. Raises BenchError."""
        deadline = time.monotonic() + timeout_seconds
        while self.readiness() == "ready":
            if time.monotonic() > deadline:
                raise BenchError(f"{self.address} has not noticed what was broken after {timeout_seconds:.0f} s")
            time.sleep(_LOOK_EVERY_SECONDS)
