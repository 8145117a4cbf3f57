"""What tests of a service that is away share."""

import time
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from lrtune import Client, LeasedTrial
from lrtune.trainers.client.spool import backlog
from lrtune.trainers.client.spool.folder import spooling
from tests.fake_service import FakeService

SOON_SECONDS = 20.0


def until(holds: Callable[[], object]) -> None:
    ends = time.monotonic() + SOON_SECONDS
    while not holds():
        assert time.monotonic() < ends, "it did not come to that"
        time.sleep(0.005)


def gone(_: httpx2.Request) -> httpx2.Response:
    raise httpx2.ConnectError("[Errno 111] Connection refused")


def back(_: httpx2.Request) -> None:
    return None


def lease(client: Client, service: FakeService) -> LeasedTrial:
    service.max_steps = 10_000
    return next(client.study("s").leases())


def files() -> list[Path]:
    folder = spooling().folder
    return sorted(folder.iterdir()) if folder.exists() else []


def told(service: FakeService) -> list[list[int]]:
    """The steps in each request that the service took."""
    return [[report["step"] for report in body["reports"]] for body in service.bodies("/reports")]


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.getMessage() for one in caplog.records if one.name == backlog.__name__]
