"""lrtune as it was, from this repository's history: there is no release yet that could be installed."""

import io
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from tests.end_to_end.conftest import ROOT, environ
from tests.support.processes import Program, Programs

PREVIOUS = "c919d7e6a77d3ae37855908eb2bd41bd201fade5"
"""The last commit before the tables of tokens and the audit (0007), and before the version of the protocol was told."""
_FOLDERS = ("lrtune", "service", "trainers", "migrations")
_LRTUNE = [sys.executable, "-m", "lrtune.service.cli.main"]
START_SECONDS = 90

TASK = """
import time

def train(trial):
    first = trial.resume.step if trial.resume else 0
    for step in range(first + 1, trial.max_steps + 1):
        time.sleep({seconds})
        trial.report(step, trial.params["learning_rate"] + 1.0 / step)
"""


@dataclass(frozen=True)
class Side:
    """One version of lrtune, as programs."""

    tree: Path
    programs: Programs

    def start(self, *arguments: str, **variables: str) -> Program:
        """`lrtune …` of this version."""
        return self.programs.start([*_LRTUNE, *arguments], environ(**variables) | {"PYTHONPATH": str(self.tree)})

    def run(self, *arguments: str, **variables: str) -> Program:
        """The same, to its end."""
        program = self.start(*arguments, **variables)
        program.wait(START_SECONDS)
        return program

    def serve(self, url: str) -> tuple[Program, str]:
        """Its service on that database, and the service's address."""
        service = self.start("serve", "--port", "0", LRTUNE_STORAGE=url)
        return service, service.wait_for_line(r"^lrtune serving on (\S+)$", START_SECONDS)[1]

    def work(self, address: str, study: str, task: Path) -> Program:
        """A worker of it."""
        return self.start("worker", "--server", address, "--study", study, "--task", f"{task}:train")


def create(address: str, name: str, trials: int, steps: int) -> None:
    """A study that nothing is pruned in."""
    spec = {"name": name, "max_trials": trials, "max_steps": steps, "pruner": {"name": "none"}}
    answer = httpx2.post(f"{address}/v1/studies", json=spec, timeout=30)
    assert answer.status_code == 201, answer.text


def states(address: str, study: str) -> list[tuple[str, int]]:
    """State and attempt of each trial."""
    items = httpx2.get(f"{address}/v1/studies/{study}/trials", timeout=30).json()["items"]
    return [(item["state"], item["attempt"]) for item in items]


@pytest.fixture(scope="session")
def previous_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    archive = ["git", "-C", str(ROOT), "archive", PREVIOUS, *_FOLDERS]
    try:
        told = subprocess.run(archive, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs git, and the history of this repository: this is a shallow clone, or no clone")
    folder = tmp_path_factory.mktemp("previous")
    with tarfile.open(fileobj=io.BytesIO(told)) as files:
        files.extractall(folder, filter="tar")
    return folder


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[Programs]:
    with Programs(tmp_path / "programs") as started:
        yield started


@pytest.fixture
def old(previous_tree: Path, programs: Programs) -> Side:
    return Side(previous_tree, programs)


@pytest.fixture
def new(programs: Programs) -> Side:
    return Side(ROOT, programs)


@pytest.fixture
def task(tmp_path: Path) -> Path:
    """A training of a moment."""
    path = tmp_path / "task.py"
    path.write_text(TASK.format(seconds=0.01))
    return path


@pytest.fixture
def slow_task(tmp_path: Path) -> Path:
    """One that lasts while services are replaced."""
    path = tmp_path / "slow_task.py"
    path.write_text(TASK.format(seconds=0.3))
    return path
