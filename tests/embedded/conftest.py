import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lrtune import Client


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A database that is not there yet."""
    return tmp_path / "lrtune.db"


@pytest.fixture
def client(file: Path) -> Iterator[Client]:
    with Client(f"local:{file}", retry_seconds=5) as opened:
        yield opened


@pytest.fixture(autouse=True)
def _every_engine_is_ended() -> Iterator[None]:
    yield
    assert engines() == 0


def engines() -> int:
    """How many run in this process."""
    return sum(thread.name == "lrtune-embedded" for thread in threading.enumerate())


def wait_for_engines(count: int) -> None:
    """Until so many run; fails where that takes long."""
    for _ in range(400):
        if engines() == count:
            return
        time.sleep(0.025)
    pytest.fail(f"{engines()} engines run, not {count}")
