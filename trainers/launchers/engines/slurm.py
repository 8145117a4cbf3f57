"""Workers as jobs of Slurm, by submitit: an array that Slurm requeues when it preempts, or when their time is up."""

import logging
import math
import os
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from submitit import AutoExecutor, LocalJob
from submitit.core.utils import FailedJobError, FailedSubmissionError

from lrtune.service.sentences.failures import error_line
from lrtune.trainers.errors import LaunchError
from lrtune.trainers.launchers.engine import Fault, Seen
from lrtune.trainers.launchers.engines.slurm_job import WorkerFailed, WorkerJob
from lrtune.trainers.launchers.launch import Launch, Resources, whole_gpus

CLUSTERS = ("slurm", "local")

_POLL_SECONDS = 0.5
GONE_AFTER_SECONDS = 30.0
"""How long a job is not in the queue, and has left no result where this machine sees it, before it has ended."""
_QUEUE_SECONDS = 60.0
_WAITING = ("PENDING", "REQUEUED", "REQUEUE_HOLD", "CONFIGURING", "SUSPENDED")

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SlurmOptions:
    """In Slurm's own terms."""

    folder: Path
    """Of logs and what submitit writes; every node must see it."""
    minutes: int
    """Of each job, which is then requeued."""
    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    constraint: str | None = None
    sbatch: Mapping[str, str] = field(default_factory=dict)
    """Any other option of `sbatch`."""
    cluster: Literal["slurm", "local"] = "slurm"
    """`local`: submitit's own stand-in, processes of this machine."""
    most_timeouts: int = 100
    """How often a job whose time is up is requeued."""


@dataclass
class _Job:
    """A job of submitit's, and what was last seen of it."""

    submitted: Any
    last: Seen = field(default_factory=lambda: Seen("waiting"))
    missed_since: float | None = None
    told_to_end: bool = False

    def seen(self, states: Mapping[str, str] | None) -> Seen:
        """By its result, where it has left one; else by its state in the queue. `states` None: it stays as it was."""
        job_id = str(self.submitted.job_id)
        if self.submitted.paths.result_pickle.exists():
            failed = self.submitted.exception()
            self.last = Seen("ended", fault=None if failed is None else Fault(_reason(failed)))
        elif states is not None:
            state = states.get(job_id) or _state_here(self.submitted)
            self.last = self._unseen(job_id) if state is None else self._queued(job_id, state)
        return self.last

    def _queued(self, job_id: str, state: str) -> Seen:
        self.missed_since = None
        return Seen("waiting" if state in _WAITING else "running", f"job {job_id}")

    def _unseen(self, job_id: str) -> Seen:
        """A result may take its time to be seen from here."""
        now = time.monotonic()
        self.missed_since = now if self.missed_since is None else self.missed_since
        if not self.told_to_end and now - self.missed_since < GONE_AFTER_SECONDS:
            return self.last
        return Seen("ended", fault=Fault(f"job {job_id} is gone and left no result; `sacct -j {job_id}` may say why"))


def _state_here(job: Any) -> str | None:
    """Of a job of submitit's own stand-in for Slurm."""
    return "RUNNING" if isinstance(job, LocalJob) and job.state == "RUNNING" else None


class SlurmEngine:
    """Jobs of a cluster, submitted together as an array. An `Engine`.

    They do not end with this process: `close` cancels them, and without it Slurm keeps them until the study is
    finished. Raises LaunchError where `sbatch` is not there, or refuses.
    """

    def __init__(self, launch: Launch, options: SlurmOptions, *, grace_seconds: float) -> None:
        self.grace_seconds = grace_seconds
        self.look_every_seconds = 10.0 if options.cluster == "slurm" else _POLL_SECONDS
        self._launch = launch
        self._folder = options.folder
        self._on_slurm = options.cluster == "slurm"
        self._jobs: dict[str, _Job] = {}
        if self._on_slurm and (shutil.which("sbatch") is None or shutil.which("srun") is None):
            raise LaunchError(
                "--on slurm: sbatch and srun are not on this machine; launch where jobs are submitted, on a login node"
            )
        self._executor = AutoExecutor(
            options.folder, cluster=options.cluster, slurm_max_num_timeout=options.most_timeouts
        )
        self._executor.update_parameters(**_parameters(launch, options))

    def start(self, names: Sequence[str]) -> None:
        """A job for each, of one array where there are several."""
        given = self._launch.arguments, self._launch.environment
        try:
            with self._executor.batch():
                jobs = [
                    self._executor.submit(WorkerJob(*given, name, os.getcwd(), self.grace_seconds)) for name in names
                ]
        except (FailedJobError, FailedSubmissionError) as error:
            raise LaunchError(f"--on slurm: sbatch refuses: {_first_line(error)}") from None
        for name, job in zip(names, jobs, strict=True):
            self._jobs[name] = _Job(job)

    @property
    def job_ids(self) -> list[str]:
        """Of all jobs that have not been seen to end; those of an array without their numbers in it, once."""
        return sorted({str(job.submitted.job_id).partition("_")[0] for job in self._jobs.values()})

    def look(self) -> Mapping[str, Seen]:
        """All; who has ended, once."""
        states = _queue() if self._on_slurm else {}
        seen = {name: job.seen(states) for name, job in self._jobs.items()}
        for name, one in seen.items():
            if one.state == "ended":
                del self._jobs[name]
        return seen

    def end(self, names: Sequence[str]) -> None:
        """Cancels them: SIGTERM, which the job passes on to its worker."""
        for name in names:
            if name in self._jobs:
                self._jobs[name].submitted.cancel(check=False)
                self._jobs[name].told_to_end = True

    def close(self) -> None:
        """Cancels all, and waits for `grace_seconds`; Slurm kills what then still runs."""
        self.end(list(self._jobs))
        deadline = time.monotonic() + self.grace_seconds
        while self._jobs and time.monotonic() < deadline:
            self.look()
            time.sleep(_POLL_SECONDS)
        self.kill()

    def kill(self) -> None:
        """Forgets what was cancelled, and does not end in time: it is Slurm's to kill."""
        self.end(list(self._jobs))
        self._jobs.clear()


def _parameters(launch: Launch, options: SlurmOptions) -> dict[str, Any]:
    """As submitit's `update_parameters` takes them."""
    resources = launch.resources
    shared: dict[str, Any] = {"timeout_min": options.minutes, "name": launch.name} | _resources(resources)
    if options.cluster == "local":
        return shared
    known = {"partition": options.partition, "account": options.account, "qos": options.qos}
    known["constraint"] = options.constraint
    slurm = {f"slurm_{name}": value for name, value in known.items() if value is not None}
    return shared | slurm | {"slurm_additional_parameters": {"requeue": True, **options.sbatch}}


def _resources(resources: Resources) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if (gpus := whole_gpus(resources, "Slurm")) is not None:
        found["gpus_per_node"] = gpus
    if resources.cpus is not None:
        found["cpus_per_task"] = math.ceil(resources.cpus)
    if resources.memory_bytes is not None:
        found["mem_gb"] = resources.memory_bytes / 1024**3
    return found


def _queue() -> dict[str, str] | None:
    """The state of each job of this user by its id, those of an array one by one; None where Slurm does not say."""
    command = ["squeue", "--me", "--noheader", "--array", "--format=%i %T"]
    try:
        listed = subprocess.run(command, capture_output=True, text=True, timeout=_QUEUE_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        logger.warning("squeue does not answer (%s); workers stay as they were", error_line(str(error)))
        return None
    return dict(line.split(maxsplit=1) for line in listed.stdout.splitlines() if " " in line.strip())


def _first_line(error: BaseException) -> str:
    return error_line(next((line for line in str(error).splitlines() if line.strip()), "without a word"))


def _reason(failed: BaseException) -> str:
    """The worker's own line, where the job came as far as that."""
    text = str(failed)
    if WorkerFailed.__name__ in text:
        return error_line(text.rpartition(f"{WorkerFailed.__name__}: ")[2].split("\n")[0])
    return f"its job failed: {error_line(text.partition('-----')[2] or text)}"
