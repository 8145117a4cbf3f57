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
def _every_engine_is_ended(known_engines: None) -> Iterator[None]:
    yield
    assert engines() == 0


@pytest.fixture
def known_engines() -> None:
    """Those of other tests, whose garbage is not collected yet, do not count."""
    _known[:] = _running()


def engines() -> int:
    """How many run in this process that did not when the test began."""
    return sum(thread not in _known for thread in _running())


_known: list[threading.Thread] = []


def _running() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "lrtune-embedded"]


def wait_for_engines(count: int) -> None:
    """Until so many run; fails where that takes long."""
    for _ in range(400):
        if engines() == count:
            return
        time.sleep(0.025)
    pytest.fail(f"{engines()} engines run, not {count}")
