"""The page docs/how-to/distributed.md: its scripts are written, and its commands run, as a reader would."""

import os
import re
import shlex
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

pytest.importorskip("torch")

from lrtune import Client
from tests.docs.pages import DOCS
from tests.docs.walk_through import steps
from tests.end_to_end.conftest import Service, environ
from tests.support.processes import Programs
from tests.trainers.distributed.conftest import free_port

PAGE = (DOCS / "how-to" / "distributed.md").read_text()
SCRIPTS = re.findall(r"^```python\n(# (\w+\.py)\n.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
COMMANDS = [step.text for step in steps(PAGE) if step.kind == "command"]
COMMAND_SECONDS = 150
PROGRAMS = {"lrtune": "lrtune.service.cli.main", "torchrun": "torch.distributed.run"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("reader")


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[Client]:
    """A client of the service, after all commands of the page."""
    for text, name in SCRIPTS:
        (folder / name).write_text(text)
    for name, module in PROGRAMS.items():
        _program(folder / name, module)
    with ExitStack() as stack:
        programs = stack.enter_context(Programs(folder / "programs"))
        service = Service(programs, f"sqlite:///{folder}/lrtune.db")
        usual = {"PATH": f"{folder}:{os.environ['PATH']}", "LRTUNE_SERVER": service.address, "OMP_NUM_THREADS": "1"}
        for command in COMMANDS:
            environment = environ(**usual, PET_MASTER_PORT=str(free_port()), GLOO_SOCKET_IFNAME="lo")
            program = programs.start(["sh", "-c", command], environment, cwd=folder)
            assert program.wait(COMMAND_SECONDS) == 0, program
        yield stack.enter_context(Client(service.address))


def _program(path: Path, module: str) -> None:
    path.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m {module} "$@"\n')
    path.chmod(0o755)


@pytest.mark.parametrize(("study", "trials"), [("ranks", 4), ("fitted", 4), ("program", 2)])
def test_the_pages_studies_are_trained(client: Client, study: str, trials: int) -> None:
    states = [trial.state for trial in client.study(study).list()]
    assert len(states) >= trials, "each trial is leased once, whatever the number of ranks"
    assert set(states) <= {"complete", "pruned", "diverged"}
    assert "complete" in states


def test_checkpoints_of_trials_that_are_over_are_gone(client: Client, folder: Path) -> None:
    folder = folder / "checkpoints"
    assert len({path.name.rpartition("-step-")[0] for path in folder.iterdir()}) <= 1
