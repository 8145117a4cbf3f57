"""`bench recovery`: what is trained twice when workers are killed, or told to end.

The table of docs/reference/benchmarks.md.
"""

import os
import random
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from uuid import uuid4

import typer

from lrtune import Client
from tests.benchmarks.command_line import Quick, markdown, measuring, say
from tests.benchmarks.machine import describe
from tests.benchmarks.processes import BenchError, Process, service_process

TTL_SECONDS = 2.0
STEP_SECONDS = 0.05
WAIT_SECONDS = 120.0
BETWEEN_STEPS = 7
"""Steps between two endings, at the most."""
COLUMNS = ("the worker is", "a checkpoint every", "times", "steps done", "of these again", "at once, at most")


@dataclass(frozen=True)
class Ending:
    """How a worker ends, whose training writes a checkpoint every so many steps."""

    name: str
    number: signal.Signals
    every: int


ENDINGS = (
    Ending("killed (−9)", signal.SIGKILL, 1),
    Ending("killed (−9)", signal.SIGKILL, 5),
    Ending("told to end (SIGTERM)", signal.SIGTERM, 5),
)


class Trial:
    """One trial, trained by one worker after the other."""

    def __init__(self, client: Client, folder: Path, ending: Ending, times: int) -> None:
        self.ending, self._client, self._folder = ending, client, folder
        folder.mkdir()
        self.name = f"bench-{uuid4()}"
        steps = BETWEEN_STEPS * (times + 2)
        how = {"lease_ttl_seconds": TTL_SECONDS, "max_attempts": times + 2, "max_steps": steps // ending.every + 1}
        client.create_study(self.name, max_trials=1, sampler="random", pruner="none", **how)

    def end_one(self) -> tuple[int, int]:
        """Ends a worker at a moment of chance: the steps that it has done, and how many of them are done again."""
        began = self._taken()
        worker = self._worker()
        wanted = random.randint(1, BETWEEN_STEPS - 1)
        with worker:
            self._until(lambda: self._begun(worker.pid) > wanted, "the worker trained no step")
            time.sleep(random.uniform(0, STEP_SECONDS))
            os.kill(worker.pid, self.ending.number)
            self._until(lambda: self._client.trial(self.name, 0).state == "waiting", "the trial was not given back")
        from tests.benchmarks.tables.recovery_training import steps_done

        done = steps_done(self._folder, worker.pid)
        return done, began + done - self._taken()

    def _worker(self) -> Process:
        from tests.benchmarks.tables import recovery_training as training

        module = f"{training.__name__}:train"
        environment = {
            training.FOLDER: str(self._folder),
            training.EVERY: str(self.ending.every),
            training.STEP_SECONDS: str(STEP_SECONDS),
            "LRTUNE_CHECKPOINTS": str(self._folder / "checkpoints"),
            "LRTUNE_SERVER": self._client.server,
        }
        arguments = ("worker", "--study", self.name, "--task", module)
        return Process("lrtune.service.cli.main", *arguments, log=self._folder / "log", environment=environment)

    def _begun(self, pid: int) -> int:
        notes = self._folder / f"{pid}.notes"
        return notes.read_text().split().count("b") if notes.exists() else 0

    def _taken(self) -> int:
        """The steps in the checkpoint that the next worker goes on from."""
        from lrtune.trainers.state.checkpoints import load

        found = next(iter(self._client.trials(self.name)), None)
        return 0 if found is None or found.checkpoint is None else int(load(found.checkpoint.uri)["taken"])

    def _until(self, holds: Callable[[], bool], otherwise: str) -> None:
        deadline = time.monotonic() + WAIT_SECONDS
        while not holds():
            if time.monotonic() > deadline:
                raise BenchError(f"{otherwise} within {WAIT_SECONDS:.0f} s: {self._folder / 'log'}")
            time.sleep(0.02)


def measured(client: Client, folder: Path, times: int) -> Iterator[tuple[str, ...]]:
    """A row for each ending."""
    for number, ending in enumerate(ENDINGS):
        trial = Trial(client, folder / f"{number}", ending, times)
        found = [trial.end_one() for _ in range(times)]
        done, again = (sum(one) for one in zip(*found, strict=True))
        most = max(again for _, again in found)
        yield ending.name, _steps(ending.every), str(times), str(done), str(again), _steps(most)


def recovery(
    times: Annotated[int, typer.Option(min=1, max=1000, help="That a worker is ended, of each kind.")] = 6,
    quick: Quick = False,
) -> None:
    """How many steps are trained twice when workers are killed, or told to end?

    The table of docs/reference/benchmarks.md: `fit` with checkpoints on this disk, ended at moments of chance.
    """
    with measuring(), ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lrtune-bench-")))
        say(", ".join(f"{name} {value}" for name, value in describe(folder).items()))
        service = stack.enter_context(service_process(f"sqlite:///{folder}/lrtune.db", folder / "log")).wait()
        client = stack.enter_context(Client(service.address, retry_seconds=30))
        print(markdown(COLUMNS, list(measured(client, folder, 1 if quick else times))))


def _steps(count: int) -> str:
    return f"{count} step" if count == 1 else f"{count} steps"
