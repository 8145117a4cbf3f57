"""What a job of Slurm runs on its node: one worker, which gives its trial back before the job ends or is requeued."""

import os
import signal
import time
from collections.abc import Mapping, Sequence
from types import FrameType
from typing import Any

from submitit.helpers import Checkpointable, DelayedSubmission

from lrtune.trainers.launchers.process import WorkerProcess

_POLL_SECONDS = 0.5


def _warning() -> signal.Signals:
    """What submitit has Slurm send when a job is preempted, or its time is nearly up."""
    return signal.Signals[f"SIG{os.environ.get('SUBMITIT_PREEMPT_SIGNAL', 'USR2')}"]


class WorkerFailed(Exception):
    """What Slurm has as the reason of a job that failed; the message is the worker's own last line."""


class WorkerJob(Checkpointable):
    """What submitit keeps and calls on a node: runs a worker, and is kept anew when the job is requeued."""

    def __init__(
        self, arguments: Sequence[str], environment: Mapping[str, str], name: str, folder: str, grace_seconds: float
    ) -> None:
        self._made = (list(arguments), dict(environment), name, folder, grace_seconds)
        self._worker: WorkerProcess | None = None
        self._told_to_end = False

    def __reduce__(self) -> Any:
        return WorkerJob, self._made

    def __call__(self) -> None:
        """Returns when the worker has ended in good order. Raises WorkerFailed."""
        arguments, environment, name, folder, grace_seconds = self._made
        if os.path.isdir(folder):
            os.chdir(folder)
        # Slurm sends its warning to all processes of a job, and one that does not handle it dies of it.
        self._worker = worker = WorkerProcess(arguments, environment, name, deaf_to=[_warning()])
        signal.signal(signal.SIGTERM, self._pass_on)  # In place of submitit's, which ignores it.
        try:
            while worker.poll() is None:
                time.sleep(_POLL_SECONDS)  # Not `wait`: `checkpoint` runs within this, as a signal's handler.
        except BaseException:
            worker.end(grace_seconds)
            raise
        if self._told_to_end:
            raise SystemExit(128 + signal.SIGTERM)  # Without a result: Slurm may start the job anew.
        if (fault := worker.fault()) is not None:
            raise WorkerFailed(fault.text)

    def checkpoint(self) -> DelayedSubmission:
        """Gives the trial back before the job is requeued: the job is preempted, or its time is up."""
        if self._worker is not None:
            self._worker.end(self._made[4])
        return DelayedSubmission(WorkerJob(*self._made))

    def _pass_on(self, _number: int, _frame: FrameType | None) -> None:
        self._told_to_end = True
        if self._worker is not None:
            self._worker.terminate()
