"""A service that was stopped, and a clock that was set."""

import os
import time
from pathlib import Path

from tests.benchmarks.abuse.scenario import Scenario
from tests.benchmarks.abuse.stage import LEASE_SECONDS, Stage, expect, until
from tests.benchmarks.faults.services import Service

_HEADING = "leases"
_BETWEEN_STEPS_SECONDS = 0.6
"""Longer than it takes the service to look at its leases."""


class ShiftedService(Service):
    """`lrtune serve` whose wall clock is set by a file beside its log, in seconds."""

    module = "tests.benchmarks.abuse.shifted_clock"

    def __init__(self, url: str, log: Path, **settings: str) -> None:
        self.offset = log.with_name("offset")
        self.offset.write_text("0")
        os.environ["BENCH_CLOCK_OFFSET"] = str(self.offset)
        super().__init__(url, log, **settings)

    def step(self, seconds: float) -> None:
        """Set the clock to so many seconds beside the true time."""
        self.offset.write_text(str(seconds))


def _stopped(stage: Stage) -> str:
    """SIGSTOP for longer than a lease lasts: a laptop asleep, a virtual machine moved."""
    for _ in range(stage.size.repeats):
        stage.service.stop()
        time.sleep(LEASE_SECONDS + 2)
        stage.service.wake()
        time.sleep(LEASE_SECONDS + 1)
    return f"{stage.size.repeats} times {LEASE_SECONDS + 2} s"


def _clock_set(stage: Stage) -> str:
    assert isinstance(stage.service, ShiftedService)
    for shift in (3600, 0, -3600, 0) * (4 * stage.size.repeats):
        stage.service.step(shift)
        time.sleep(_BETWEEN_STEPS_SECONDS)
    return f"{16 * stage.size.repeats} times"


def _dead_worker(stage: Stage) -> str:
    """A worker that dies right before the clock is set back."""
    assert isinstance(stage.service, ShiftedService)
    path = stage.study("dead", sampler={"name": "random"}, lease_ttl_seconds=LEASE_SECONDS)
    leased = stage.call("POST", f"{path}/trials", {"worker": "dead", "request_id": "dead"}).json()
    stage.service.step(-3600)

    def returned() -> bool:
        trial = stage.call("GET", f"{path}/trials/{leased['number']}")
        expect(trial, 200)
        return bool(trial.json()["state"] == "waiting")

    return f"taken back after {until(returned, LEASE_SECONDS + 3, 'the lease runs out'):.1f} s"


STOPPED = (Scenario(_HEADING, "the service stopped for longer than a lease", _stopped, judged=False),)
CLOCK = (
    Scenario(_HEADING, "the clock set by an hour", _clock_set, kinds=("sqlite",)),
    Scenario(_HEADING, "a worker dead before the clock is set back", _dead_worker, kinds=("sqlite",)),
)
