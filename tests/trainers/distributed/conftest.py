"""Two ranks, as two processes with no launcher that would end one where the other fails."""

import json
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.conftest import Service, environ
from tests.support.processes import Program, Programs

SCENARIOS = Path(__file__).with_name("scenarios.py")
END_SECONDS = 90


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def start_ranks(
    programs: Programs, command: list[str], count: int = 2, *, cwd: Path | None = None, **variables: str
) -> list[Program]:
    """`command` in so many processes, each with its RANK."""
    shared = {"WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    quiet = {"GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1", "TORCH_CPP_LOG_LEVEL": "ERROR"}
    each = [{"RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(count)]
    return [programs.start(command, environ(**shared, **quiet, **one, **variables), cwd) for one in each]


class Played:
    """A scenario in two processes: how they ended, and what each saw."""

    def __init__(self, programs: Programs, name: str, address: str, folder: Path) -> None:
        self._paths = [folder / f"{name}-{rank}.json" for rank in (0, 1)]
        self.programs = start_ranks(programs, [sys.executable, str(SCENARIOS), name, address, str(folder)])

    def end(self) -> list[int]:
        """The exit codes; a signal's is negative."""
        return [program.wait(END_SECONDS) for program in self.programs]

    @property
    def seen(self) -> list[dict[str, Any]]:
        """What each wrote down at its end."""
        self.end()
        return [json.loads(path.read_text()) if path.exists() else {} for path in self._paths]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a service runs, on SQLite."""
    folder = tmp_path_factory.mktemp("service")
    with Programs(folder / "programs") as programs:
        yield Service(programs, f"sqlite:///{folder}/lrtune.db").address


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Programs]:
    with Programs(tmp_path_factory.mktemp("ranks")) as started:
        yield started
