"""The two services of a fleet, whose clocks are wrong, and what becomes of the one that writes."""

import os
import signal
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.benchmarks.faults.services import Service, _Process
from tests.benchmarks.processes import BenchError

_READY_SECONDS = 60.0
_LOOK_EVERY_SECONDS = 0.05


class SkewedService(Service):
    """`lrtune serve` with a wall clock that is wrong by so many seconds."""

    module = "tests.benchmarks.abuse.shifted_clock"

    def __init__(self, url: str, log: Path, offset_seconds: float) -> None:
        self._offset = log.with_suffix(".offset")
        self._offset.write_text(str(offset_seconds))
        super().__init__(url, log)

    def _begin(self) -> _Process:
        os.environ["BENCH_CLOCK_OFFSET"] = str(self._offset)
        return super()._begin()

    def terminate(self) -> None:
        """SIGTERM."""
        self._process.signal(signal.SIGTERM)

    def end_well(self) -> None:
        """Wait for its end. Raises BenchError where that is not as it should be."""
        code = self.exit_code(_READY_SECONDS)
        if code != 0:
            raise BenchError(f"a service that was told to end ended with {code}: see {self.log}")


@dataclass(frozen=True)
class Fault:
    """One service is gone, by the machine's monotonic clock."""

    what: str
    at: float
    taken_over_at: float

    @property
    def seconds(self) -> float:
        """Until the other one was ready."""
        return self.taken_over_at - self.at


class Duo:
    """A writer and its standby."""

    def __init__(self, services: Sequence[SkewedService]) -> None:
        self.services = services
        self.active = services[0]
        """The one that was the writer when it was last looked for."""
        self._starting: threading.Thread | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.settle()

    def settle(self) -> None:
        """Wait until the one that is being started again serves, or has failed to."""
        if self._starting is not None:
            self._starting.join()
        self._starting = None

    def writer(self, gone: SkewedService | None = None) -> SkewedService:
        """Whichever is ready, but not the one that is `gone`. Raises BenchError."""
        until = time.monotonic() + _READY_SECONDS
        while time.monotonic() < until:
            for service in self.services:
                if service is not gone and service.readiness() == "ready":
                    self.active = service
                    return service
            time.sleep(_LOOK_EVERY_SECONDS)
        raise BenchError("neither service is ready")

    def pids(self) -> list[int]:
        """Of those that run now."""
        return [service.pid for service in self.services]

    def kill(self) -> Fault:
        """kill −9 of the writer, until the other one writes; then it is started again, as the next standby."""
        self.settle()
        gone = self.writer()
        at = time.monotonic()
        gone.kill()
        return self._wait("kill -9", gone, at)

    def drain(self) -> Fault:
        """The same with SIGTERM."""
        self.settle()
        gone = self.writer()
        at = time.monotonic()
        gone.terminate()
        return self._wait("SIGTERM", gone, at)

    def _wait(self, what: str, gone: SkewedService, at: float) -> Fault:
        self.writer(gone)
        fault = Fault(what, at, time.monotonic())
        if what == "SIGTERM":
            gone.end_well()
        self._starting = threading.Thread(target=gone.start, daemon=True)  # Ends by itself: `start` has a limit.
        self._starting.start()
        return fault
