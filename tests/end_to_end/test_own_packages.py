"""A training repository with packages of its own called `service`, `trainers` and `migrations`, as many have."""

import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lrtune.trainers.client.client import Client
from tests.end_to_end.conftest import ROOT, Service, environ
from tests.support.processes import Programs

MINE = """
import service.own, migrations.own, trainers.own

def train(trial):
    for step in range(1, trial.max_steps + 1):
        trial.report(step, 0.5 / step)
    assert service.own.OWN and migrations.own.OWN and trainers.own.OWN
"""
SCRIPT = """
import sys

import trainers.mine
import service.own, trainers.own
from lrtune import Client, run

assert service.own.OWN and trainers.own.OWN

def train(trial):
    return trainers.mine.train(trial)

if __name__ == "__main__":
    with Client() as client:
        run(client.create_study(sys.argv[1], max_trials=2, max_steps=2), train)
"""
LRTUNE = [sys.executable, "-P", "-c", "from lrtune.service.cli.main import main; main()"]
"""What the installed command does, without a checkout's folder on the path."""


@pytest.fixture(params=["packages", "folders"])
def repository(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """Its packages have an `__init__.py`, or are plain folders, which give way to any package of their name."""
    folder = tmp_path / "repository"
    for package in ("service", "trainers", "migrations"):
        (folder / package).mkdir(parents=True)
        (folder / package / "own.py").write_text("OWN = True\n")
        if request.param == "packages":
            (folder / package / "__init__.py").touch()
    (folder / "trainers" / "mine.py").write_text(MINE)
    (folder / "script.py").write_text(SCRIPT)
    return folder


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("served")
    with Programs(folder / "programs") as programs:
        yield Service(programs, f"sqlite:///{folder}/lrtune.db")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Where `lrtune` is installed, and no other package of ours."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "lrtune").symlink_to(ROOT / "lrtune")
    return folder


def seeing(site: Path, **variables: str) -> dict[str, str]:
    return environ(**variables) | {"PYTHONPATH": str(site)}


def test_a_script_imports_its_own_packages_and_lrtune(
    repository: Path, site: Path, served: Service, programs: Programs
) -> None:
    environment = seeing(site, LRTUNE_SERVER=served.address)
    script = programs.start(
        [sys.executable, str(repository / "script.py"), site.parent.name], environment, cwd=repository
    )
    assert script.wait(60) == 0, script
    with Client(served.address) as client:
        assert client.status(site.parent.name).trials.complete == 2


@pytest.mark.parametrize("task", ["trainers.mine:train", "script.py:train"])
def test_a_worker_trains_what_lies_in_them(
    repository: Path, site: Path, served: Service, programs: Programs, task: str
) -> None:
    name = site.parent.name
    with Client(served.address) as client:
        client.create_study(name, max_trials=2, max_steps=2)
        command = [*LRTUNE, "worker", "--study", name, "--task", task]
        worker = programs.start(command, seeing(site, LRTUNE_SERVER=served.address), cwd=repository)
        assert worker.wait(60) == 0, worker
        assert client.status(name).trials.complete == 2


def test_a_database_is_upgraded_by_our_migrations(repository: Path, site: Path, programs: Programs) -> None:
    database = repository / "lrtune.db"
    command = [*LRTUNE, "db", "upgrade", "--storage", f"sqlite:///{database}"]
    upgrade = programs.start(command, seeing(site), cwd=repository)
    assert upgrade.wait(60) == 0, upgrade
    with sqlite3.connect(database) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert {"studies", "trials"} <= tables
    assert any(name.startswith("lrtune_") for name in tables)
