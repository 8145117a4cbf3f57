"""A real service, and workers of agents in this process."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path

import pytest

from lrtune.service.cli.commands.mcp.worker import AgentWorker
from lrtune.trainers.client.client import Client
from tests.end_to_end.conftest import Service
from tests.support.processes import Programs

collect_ignore_glob = [] if find_spec("mcp") else ["test_*.py"]
"""Without the extra `mcp`, which `make` installs, there is nothing to test."""

IDLE_SECONDS = 100.0


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture(scope="package")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a service runs, on SQLite."""
    folder = tmp_path_factory.mktemp("service")
    with Programs(folder / "programs") as programs:
        yield Service(programs, f"sqlite:///{folder}/lrtune.db").address


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[Programs]:
    with Programs(tmp_path / "programs") as started:
        yield started


@pytest.fixture
def client(address: str) -> Iterator[Client]:
    with Client(address, retry_seconds=5) as opened:
        yield opened


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def worker(address: str, clock: Clock) -> Iterator[AgentWorker]:
    """As `lrtune mcp` has one."""
    with ExitStack() as stack:
        stopping = threading.Event()
        client = Client(address, retry_seconds=5, stopping=stopping)
        yield stack.enter_context(AgentWorker(client, idle_seconds=IDLE_SECONDS, stopping=stopping, clock=clock))
