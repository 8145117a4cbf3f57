"""A real service and real workers, as processes of their own."""

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lrtune.trainers.client.client import Client
from tests.conftest import new_postgres
from tests.support.processes import Program, Programs

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 60


def environ(**variables: str) -> dict[str, str]:
    """The caller's environment with the checkout in front, and nothing of LRTUNE_* but what is given."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LRTUNE_")}
    return kept | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"} | variables


class Service:
    """A service process that can be killed and started again on the same port and database."""

    def __init__(self, programs: Programs, storage_url: str, *options: str) -> None:
        self._programs = programs
        self._storage_url = storage_url
        self._options = options
        self.port = 0
        self.program = self.start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Program:
        command = [sys.executable, "-m", "lrtune.service.cli.main", "serve", "--port", str(self.port), *self._options]
        self.program = self._programs.start(command, environ(LRTUNE_STORAGE=self._storage_url))
        said = self.program.wait_for_line(r"^lrtune serving on http://127.0.0.1:(\d+)$", START_SECONDS)
        self.port = int(said[1])
        return self.program

    def kill(self) -> None:
        os.kill(self.program.pid, 9)
        self.program.wait(10)


@dataclass(frozen=True)
class Shared:
    """A service, a client of it, and its database."""

    service: Service
    client: Client
    url: str


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[Programs]:
    with Programs(tmp_path / "programs") as started:
        yield started


@pytest.fixture
def service(programs: Programs, storage_url: str) -> Service:
    return Service(programs, storage_url)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    """A service on each kind of database in turn, for all tests of a module that leave it running."""
    folder = tmp_path_factory.mktemp("shared")
    with ExitStack() as stack:
        url = f"sqlite:///{folder}/lrtune.db"
        if request.param == "postgresql":
            url = stack.enter_context(new_postgres(request.getfixturevalue("postgres_admin_url")))
        service = Service(stack.enter_context(Programs(folder / "programs")), url)
        yield Shared(service, stack.enter_context(Client(service.address, retry_seconds=30)), url)


@pytest.fixture
def client(service: Service) -> Iterator[Client]:
    with Client(service.address, retry_seconds=30) as opened:
        yield opened


def start_worker(programs: Programs, service: Service, study: str, task: str, **options: Any) -> Program:
    """A worker process on `study`."""
    command = [sys.executable, "-m", "lrtune.service.cli.main", "worker", "--server", service.address]
    command += ["--study", study, "--task", task]
    return programs.start(command, environ(**options))
