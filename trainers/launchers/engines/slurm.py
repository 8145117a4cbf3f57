"""Workers as jobs of Slurm, by submitit: an array that Slurm requeues when it preempts, or when their time is up."""

import logging
import math
import os
import shutil
import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, Literal

from submitit import AutoExecutor
from submitit.core.utils import FailedJobError, FailedSubmissionError, UncompletedJobError
from submitit.helpers import Checkpointable, DelayedSubmission

from lrtune.service.sentences.failures import error_line
from lrtune.trainers.errors import LaunchError
from lrtune.trainers.launchers.engine import Fault, Seen
from lrtune.trainers.launchers.launch import Launch, Resources, whole_gpus
from lrtune.trainers.launchers.process import WorkerProcess

CLUSTERS = ("slurm", "local")

_POLL_SECONDS = 0.5
_BY_THE_SCHEDULER = ("NODE_FAIL", "PREEMPTED", "BOOT_FAIL", "REQUEUED")
_PENDING = ("PENDING", "REQUEUED", "CONFIGURING", "UNKNOWN")

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


class WorkerFailed(Exception):
    """What Slurm has as the reason of a job that failed; the message is the worker's own last line."""


class WorkerJob(Checkpointable):
    """What submitit keeps and calls on a node: runs a worker, and is kept anew when the job is requeued."""

    def __init__(
        self, arguments: Sequence[str], environment: Mapping[str, str], name: str, folder: str, grace_seconds: float
    ) -> None:
        self._made = (list(arguments), dict(environment), name, folder, grace_seconds)
        self._worker: WorkerProcess | None = None

    def __reduce__(self) -> Any:
        return WorkerJob, self._made

    def __call__(self) -> None:
        """Returns when the worker has ended in good order. Raises WorkerFailed."""
        arguments, environment, name, folder, grace_seconds = self._made
        if os.path.isdir(folder):
            os.chdir(folder)
        self._worker = worker = WorkerProcess(arguments, environment, name)
        signal.signal(signal.SIGTERM, self._pass_on)  # In place of submitit's, which ignores it.
        try:
            while worker.poll() is None:
                time.sleep(_POLL_SECONDS)  # Not `wait`: `checkpoint` runs within this, as a signal's handler.
        except BaseException:
            worker.end(grace_seconds)
            raise
        if (fault := worker.fault()) is not None:
            raise WorkerFailed(fault.text)

    def checkpoint(self) -> DelayedSubmission:
        """Gives the trial back before the job is requeued: the job is preempted, or its time is up."""
        if self._worker is not None:
            self._worker.end(self._made[4])
        return DelayedSubmission(WorkerJob(*self._made))

    def _pass_on(self, _number: int, _frame: FrameType | None) -> None:
        if self._worker is not None:
            self._worker.terminate()


class SlurmEngine:
    """Jobs of a cluster, submitted together as an array. An `Engine`.

    They do not end with this process: `close` cancels them, and without it Slurm keeps them until the study is
    finished. Raises LaunchError where `sbatch` is not there, or refuses.
    """

    def __init__(self, launch: Launch, options: SlurmOptions, *, grace_seconds: float) -> None:
        self.grace_seconds = grace_seconds
        self.look_every_seconds = 5.0 if options.cluster == "slurm" else _POLL_SECONDS
        self._launch = launch
        self._folder = options.folder
        self._jobs: dict[str, Any] = {}
        if options.cluster == "slurm" and (shutil.which("sbatch") is None or shutil.which("srun") is None):
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
            raise LaunchError(f"--on slurm: sbatch refuses: {error_line(str(error))}") from None
        for name, job in zip(names, jobs, strict=True):
            self._jobs[name] = job

    @property
    def job_ids(self) -> list[str]:
        """Of all jobs that have not been seen to end; those of an array without their numbers in it, once."""
        return sorted({str(job.job_id).partition("_")[0] for job in self._jobs.values()})

    def look(self) -> Mapping[str, Seen]:
        """All; who has ended, once."""
        seen = {name: _seen(job) for name, job in self._jobs.items()}
        for name, one in seen.items():
            if one.state == "ended":
                del self._jobs[name]
        return seen

    def end(self, names: Sequence[str]) -> None:
        """Cancels them: SIGTERM, which the job passes on to its worker."""
        for name in names:
            if name in self._jobs:
                self._jobs[name].cancel(check=False)

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


def _seen(job: Any) -> Seen:
    if not job.done():
        state = str(job.state).split()[0].upper()
        return Seen("waiting" if state in _PENDING else "running", f"job {job.job_id}")
    try:
        failed = job.exception()
    except UncompletedJobError as error:
        failed = error
    if failed is None:
        return Seen("ended")
    state = str(job.state).split()[0].upper()
    if state in _BY_THE_SCHEDULER:
        return Seen("ended", fault=Fault(f"Slurm ended job {job.job_id}: {state}", lost=True))
    return Seen("ended", fault=Fault(_reason(failed)))


def _reason(failed: BaseException) -> str:
    """The worker's own line, where the job came as far as that."""
    text = str(failed)
    if isinstance(failed, FailedJobError) and WorkerFailed.__name__ in text:
        return error_line(text.rpartition(f"{WorkerFailed.__name__}: ")[2].split("\n")[0])
    with suppress(IndexError):
        text = text.strip().splitlines()[0]
    return f"its job failed: {error_line(text)}"
