"""What tests of launchers share: a real service, tasks, and fleets as commands."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lrtune.trainers.client.client import Client
from tests.end_to_end.conftest import Service, environ
from tests.support.processes import Program, Programs

TASKS = """
import os, pathlib, signal, time

def quick(trial):
    pathlib.Path(f"gpu-{trial.number}").write_text(str(os.environ.get("CUDA_VISIBLE_DEVICES")))
    for step in range(1, trial.max_steps + 1):
        time.sleep(0.05)
        trial.report(step, abs(trial.params["learning_rate"] - 0.01))

def held(trial):
    for step in range(1, trial.max_steps + 1):
        trial.report(step, 1.0)
        while not pathlib.Path("go").exists():
            time.sleep(0.05)
            trial.check()

def killed(trial):
    os.kill(os.getpid(), signal.SIGKILL)

def broken(trial):
    raise ValueError("no GPU here")
"""


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[Programs]:
    with Programs(tmp_path / "programs") as started:
        yield started


@pytest.fixture(scope="package")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a service runs, on SQLite."""
    folder = tmp_path_factory.mktemp("service")
    with Programs(folder / "programs") as programs:
        yield Service(programs, f"sqlite:///{folder}/lrtune.db").address


@pytest.fixture
def client(address: str) -> Iterator[Client]:
    with Client(address, retry_seconds=10) as opened:
        yield opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a fleet is launched, with `tasks.py`."""
    folder = tmp_path / "launched"
    folder.mkdir()
    (folder / "tasks.py").write_text(TASKS)
    return folder


Launched = Callable[..., Program]


@pytest.fixture
def launched(programs: Programs, address: str, folder: Path) -> Launched:
    """Starts `lrtune workers` with these arguments."""

    def start(*arguments: str, **variables: str) -> Program:
        command = [sys.executable, "-m", "lrtune.service.cli.main", "workers", *arguments]
        given = {"LRTUNE_SERVER": address, "CUDA_VISIBLE_DEVICES": "", **variables}
        return programs.start(command, environ(**given), cwd=folder)

    return start


def leased(client: Client, study: str) -> list[str]:
    """The workers that have a trial, by the names they were started with."""
    running = (trial.worker or "" for trial in client.trials(study, state="running"))
    return sorted(worker.rpartition(":")[0] for worker in running)


def pid_of(client: Client, study: str, name: str) -> int:
    """The process that trains for that worker; 0 where it has no trial."""
    found = [trial.worker or "" for trial in client.trials(study, state="running")]
    return next((int(worker.rpartition(":")[2]) for worker in found if worker.startswith(f"{name}:")), 0)


def children(pid: int) -> list[int]:
    """The processes that it has started and that still run."""
    path = f"/proc/{pid}/task/{pid}/children"
    return [int(child) for child in Path(path).read_text().split()] if os.path.exists(path) else []
