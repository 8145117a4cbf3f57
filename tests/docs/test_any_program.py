"""The page docs/how-to/any-program.md: its scripts are written, and its commands run, as a reader would."""

import os
import re
import shlex
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from lrtune.trainers.client.client import Client
from tests.docs.pages import DOCS
from tests.docs.walk_through import Step, steps, words
from tests.end_to_end.conftest import Service, environ
from tests.support.processes import Programs

PAGE = (DOCS / "how-to" / "any-program.md").read_text()
SCRIPTS = re.findall(r"^```sh\n(#!/bin/sh\n# ([\w.]+).*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
COMMANDS = [step for step in steps(PAGE) if step.kind == "command"]


@dataclass(frozen=True)
class Walked:
    """What each command printed, and what its service has."""

    printed: list[str]
    client: Client


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walked]:
    folder = tmp_path_factory.mktemp("reader")
    for text, name in [
        *SCRIPTS,
        (f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m lrtune.service.cli.main "$@"\n', "lrtune"),
    ]:
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    with ExitStack() as stack:
        programs = stack.enter_context(Programs(folder / "programs"))
        service = Service(programs, f"sqlite:///{folder}/lrtune.db")
        path = f"{folder}:{os.environ['PATH']}"
        environment = environ(PATH=path, LRTUNE_SERVER=service.address, COLUMNS="100")
        printed = []
        for step in COMMANDS:
            program = programs.start(["sh", "-c", step.text], environment, cwd=folder)
            assert program.wait(90) == 0, program
            printed.append(program.stdout + program.stderr)
        yield Walked(printed, stack.enter_context(Client(service.address)))


def _name(step: Step) -> str:
    return " ".join(step.text.replace("\\\n", "").split())[:60]


@pytest.mark.parametrize("number", range(len(COMMANDS)), ids=[_name(step) for step in COMMANDS])
def test_a_command_prints_what_the_page_says(walked: Walked, number: int) -> None:
    assert words(walked.printed[number]) == words(COMMANDS[number].prints)


def test_the_programs_of_the_page_train_their_studies(walked: Walked) -> None:
    for study, trials in (("line", 12), ("halves", 2), ("square", 2)):
        status = walked.client.status(study)
        assert status.state == "finished", study
        assert status.trials.failed == 0
        assert sum(status.trials.model_dump().values()) == trials
    line = walked.client.suggestion("line")
    assert line.learning_rate is not None
    assert 1e-3 < line.learning_rate < 0.1, "as rates of the script were tried by hand"


def test_every_script_of_the_page_is_run() -> None:
    run = " ".join(step.text for step in COMMANDS)
    assert [name for _, name in SCRIPTS if f"./{name}" not in run] == []
    assert len(SCRIPTS) == 4
