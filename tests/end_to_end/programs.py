"""Workers that run programs, for tests: a study of a real service, and what became of it."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lrtune.service.wire.trials import TrialWithCurve
from lrtune.trainers.client.client import Client
from tests.end_to_end.conftest import Service, environ
from tests.support.processes import Program, Programs

LRTUNE = [sys.executable, "-m", "lrtune.service.cli.main"]


@dataclass(frozen=True)
class Bench:
    """A service, where programs are written, and workers that run them."""

    service: Service
    client: Client
    programs: Programs
    folder: Path

    def study(self, name: str, **spec: Any) -> str:
        """A new study that nothing is pruned in."""
        self.client.create_study(
            name, **{"max_trials": 1, "max_steps": 3, "pruner": {"name": "none"}, "sampler": {"name": "random"}} | spec
        )
        return name

    def write(self, name: str, text: str) -> str:
        """An executable file; its path."""
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o755)
        return str(path)

    def start(self, study: str, command: list[str], *options: str, **variables: str) -> Program:
        """A worker that runs the command."""
        arguments = ["worker", "--server", self.service.address, "--study", study, *options, "--", *command]
        return self.programs.start([*LRTUNE, *arguments], environ(LRTUNE=" ".join(LRTUNE), **variables))

    def work(self, study: str, command: list[str], *options: str, seconds: float = 60) -> Program:
        """The same, when it has ended."""
        worker = self.start(study, command, *options)
        worker.wait(seconds)
        return worker

    def trial(self, study: str, number: int = 0) -> TrialWithCurve:
        """A trial as the service has it."""
        return self.client.trial(study, number)

    def curve(self, study: str, number: int = 0) -> list[tuple[int, float]]:
        """Its points."""
        return [(point.step, point.value) for point in self.trial(study, number).curve]
