import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lrtune import Client
from lrtune.service.wire.studies import Study
from lrtune.trainers.programs.program import Options, Program
from tests.fake_service import STUDY, FakeService


@pytest.fixture
def train(client: Client) -> Iterator[Callable[..., Program]]:
    """Trains one trial with a program, and has it ended at the test's end."""
    made: list[Program] = []

    def run(*command: str, **options: Any) -> Program:
        program = Program(command, client.study("s").spec, Options(**{"quiet": True, "grace_seconds": 5.0} | options))
        made.append(program)
        with next(client.study("s").leases(resumable=program.resumable)) as trial:
            program(trial)
        return program

    yield run
    for program in made:
        program.close()


def study(**changes: Any) -> Study:
    return Study.model_validate(STUDY | changes)


def python(code: str) -> list[str]:
    """Arguments that run it, braces and all."""
    return [sys.executable, "-c", code.replace("{", "{{").replace("}", "}}")]


def reported(service: FakeService) -> list[tuple[int, Any]]:
    """All points that came to the service."""
    return [(report["step"], report["value"]) for body in service.bodies("/reports") for report in body["reports"]]
