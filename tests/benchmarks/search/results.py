"""Results kept in a folder, one small file each, so that a broken-off comparison goes on where it stopped."""

import json
import os
from collections.abc import Sequence
from concurrent.futures import as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.pools import pool
from tests.benchmarks.search.problems import problem
from tests.benchmarks.search.simulation import Simulation

MARKS = (3, 5, 8, 10, 25)
"""After how many full trainings the regret is noted."""


@dataclass(frozen=True)
class Job:
    """One method on one task with one seed."""

    data: str
    suite: str
    task: str
    method: str
    seed: int
    trainings: int
    share: float = 1.0

    def path(self, folder: Path) -> Path:
        """Where its result is kept."""
        part = "" if self.share == 1 else f"-{self.share:g}"
        return folder / self.suite / self.task / f"{self.method}-{self.trainings}{part}-{self.seed}.json"


@dataclass(frozen=True)
class Result:
    """`seen` and `suggested`: the regret of the best loss seen and of the recommended configuration, at each of
    `MARKS` within the budget. `begun`: how many trainings were begun."""

    suite: str
    task: str
    method: str
    seed: int
    seen: list[float]
    suggested: list[float]
    begun: int


def perform(job: Job) -> Result:
    """Run a job."""
    # Optuna and scipy are loaded in the processes that work, not in the one that waits.
    from tests.benchmarks.search.methods import method

    simulation = Simulation(problem(Path(job.data), job.suite, job.task, job.share, job.seed), job.trainings)
    method(job.method)(simulation, job.seed)
    marks = [mark for mark in MARKS if mark <= job.trainings]
    return Result(
        suite=job.suite,
        task=job.task,
        method=job.method,
        seed=job.seed,
        seen=[simulation.regret_seen(mark) for mark in marks],
        suggested=[simulation.regret_suggested(mark) for mark in marks],
        begun=len(simulation.runs),
    )


def collect(jobs: Sequence[Job], folder: Path, processes: int, say: Any) -> list[Result]:
    """The results of the jobs: those in the folder are read, the others performed by so many processes."""
    missing = [job for job in jobs if not job.path(folder).exists()]
    say(f"{len(jobs) - len(missing)} of {len(jobs)} results are in {folder}")
    if processes <= 1:
        for job in missing:
            _keep(job, perform(job), folder)
    elif missing:
        _in_processes(missing, folder, processes, say)
    return [Result(**json.loads(job.path(folder).read_text())) for job in jobs]


def _in_processes(missing: Sequence[Job], folder: Path, processes: int, say: Any) -> None:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with pool(processes) as executor:
        waiting = {executor.submit(perform, job): job for job in missing}
        for count, future in enumerate(as_completed(waiting), 1):
            _keep(waiting[future], future.result(), folder)
            if count % 50 == 0:
                say(f"{count} of {len(missing)} done")


def _keep(job: Job, result: Result, folder: Path) -> None:
    path = job.path(folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = path.with_suffix(f".{os.getpid()}.part")
    whole.write_text(json.dumps(asdict(result)))
    whole.replace(path)
