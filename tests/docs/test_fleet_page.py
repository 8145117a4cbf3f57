"""The page docs/how-to/fleet.md: its commands are run as they stand, as far as there is what they need."""

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from lrtune.service.wire.access.secrets import new_secret
from lrtune.trainers.client.client import Client
from tests.docs.pages import DOCS
from tests.end_to_end.conftest import Service, environ
from tests.support.processes import Program, Programs

PAGE = (DOCS / "how-to" / "fleet.md").read_text()
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
LINES = [line for block in BLOCKS for line in block.splitlines()]
COMMANDS = [line.partition(" | kubectl")[0] for line in LINES if line.startswith("lrtune workers")]
SETTINGS = [line for line in LINES if line.startswith("export ")]
TASK = "def train(trial):\n    trial.report(1, 0.5)\n    return 0.25\n"


def commands(*words: str, without: str = "--on") -> list[str]:
    """Those of the page with all these words."""
    return [one for one in COMMANDS if all(word in one for word in words) and (not without or without not in one)]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("service")
    with Programs(folder / "programs") as programs:
        yield Service(programs, f"sqlite:///{folder}/lrtune.db")


@pytest.fixture
def reader(tmp_path: Path) -> Path:
    """A folder with `train.py`, two tokens, and `lrtune` on the path."""
    (tmp_path / "train.py").write_text(TASK)
    (tmp_path / "lrtune").write_text(f'#!/bin/sh\nexec {sys.executable} -m lrtune.service.cli.main "$@"\n')
    (tmp_path / "lrtune").chmod(0o755)
    (tmp_path / "secrets").mkdir()
    for who in ("admin", "worker"):
        file = tmp_path / "secrets" / f"{who}-token"
        file.write_text(new_secret())
        file.chmod(0o600)
    return tmp_path


def typed(reader: Path, command: str, **variables: str) -> Program:
    given = {"PATH": f"{reader}:{os.environ['PATH']}", "XDG_CONFIG_HOME": str(reader), **variables}
    with Programs(reader / "programs") as programs:
        program = programs.start(["sh", "-c", command], environ(**given), cwd=reader)
        program.wait(120)
    return program


def study(service: Service) -> None:
    """`digits`, as new."""
    with Client(service.address, retry_seconds=10) as client:
        if "digits" in [one.name for one in client.studies()]:
            client.delete_study("digits")
        client.create_study("digits", max_trials=3, max_steps=1)


def test_every_command_of_the_page_is_run_or_rendered() -> None:
    engines = [re.findall(r"--on (\w+)", command) or ["local"] for command in COMMANDS]
    assert sorted({engine for (engine,) in engines}) == ["kubernetes", "local", "ray", "slurm"]
    assert len(COMMANDS) == len(LINES) - len(SETTINGS)


@pytest.mark.parametrize("command", commands())
def test_on_this_machine(service: Service, reader: Path, command: str) -> None:
    study(service)
    ran = typed(reader, command, LRTUNE_SERVER=service.address, CUDA_VISIBLE_DEVICES="0,1")
    assert ran.poll() == 0, ran
    with Client(service.address) as client:
        assert client.status("digits").trials.complete == 3


@pytest.mark.parametrize("command", commands("--on slurm", "--cluster local", without=""))
def test_on_the_stand_in_for_slurm(service: Service, reader: Path, command: str) -> None:
    pytest.importorskip("submitit", reason="the extra lrtune[slurm] is not installed")
    study(service)
    ran = typed(reader, command, LRTUNE_SERVER=service.address)
    assert ran.poll() == 0, ran
    with Client(service.address) as client:
        assert client.status("digits").trials.complete == 3


@pytest.mark.parametrize("command", commands("--on slurm", without="--cluster") + commands("--on ray", without="--c"))
def test_where_there_is_no_such_engine_the_command_is_understood_as_far_as_that(
    service: Service, reader: Path, command: str
) -> None:
    """With Slurm, as far as the service's address, which is refused before Slurm is looked for."""
    package, told = "ray", "nothing answers at 127.0.0.1:1"
    if "slurm" in command:
        package, told = "submitit", "on Slurm's nodes do not reach"
    pytest.importorskip(package, reason=f"{package} is not installed")
    study(service)
    ran = typed(reader, command, LRTUNE_SERVER=service.address, RAY_ADDRESS="127.0.0.1:1")
    assert ran.poll() == 1, ran
    assert told in ran.stderr.splitlines()[-1]


@pytest.mark.parametrize("command", commands("--on kubernetes", without=""))
def test_on_kubernetes(reader: Path, command: str) -> None:
    before = "; ".join(SETTINGS) + "; " if "--service-image" in command else ""
    ran = typed(reader, before + command, LRTUNE_SERVER="https://lrtune.example")
    assert ran.poll() == 0, ran
    made = list(yaml.safe_load_all(ran.stdout))
    assert made[-1]["kind"] == "Job"
    assert [one["kind"] for one in made[:-1]] == (["Secret", "Service", "Deployment", "Secret"] if before else [])
