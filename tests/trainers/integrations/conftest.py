"""A real service in a process of its own, which all tests of a file share; each makes studies of its own."""

from collections.abc import Iterator

import pytest

from lrtune import Client
from tests.end_to_end.conftest import Service
from tests.support.processes import Programs


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("integration")
    with Programs(folder / "programs") as programs:
        yield Service(programs, f"sqlite:///{folder}/lrtune.db")


@pytest.fixture
def client(service: Service) -> Iterator[Client]:
    with Client(service.address, retry_seconds=30) as opened:
        yield opened
