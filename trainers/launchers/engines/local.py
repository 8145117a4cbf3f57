"""Workers on this machine, each with GPUs of its own."""

import logging
import socket
from collections.abc import Mapping, Sequence

from lrtune.trainers.errors import LaunchError
from lrtune.trainers.launchers.engine import Seen
from lrtune.trainers.launchers.engines.gpus import VARIABLE, shares, visible_gpus
from lrtune.trainers.launchers.launch import Launch, whole_gpus
from lrtune.trainers.launchers.process import WorkerProcess
from lrtune.trainers.worker.supervisor import end_processes

logger = logging.getLogger(__name__)


class LocalEngine:
    """Processes of this one; they end with it, however that ends. An `Engine`.

    A slot keeps its GPUs: who takes a worker's place has them, too. `workers` None is one a GPU. Raises LaunchError for
    resources that this machine does not have, or does not divide.
    """

    look_every_seconds = 0.5

    def __init__(self, launch: Launch, workers: int | None, *, grace_seconds: float) -> None:
        if launch.resources.memory_bytes is not None or launch.resources.cpus is not None:
            raise LaunchError("--memory and --cpus: on this machine workers share what there is; leave them out")
        self.grace_seconds = grace_seconds
        self._launch = launch
        self._shares = shares(visible_gpus(), whole_gpus(launch.resources, "this machine"), workers)
        self._running: dict[str, WorkerProcess] = {}

    @property
    def workers(self) -> int:
        """How many there is room for."""
        return len(self._shares)

    def start(self, names: Sequence[str]) -> None:
        """A process for each."""
        for name in names:
            gpus = self._shares[int(name.rpartition("-")[2])]
            environment = dict(self._launch.environment) | ({} if gpus is None else {VARIABLE: gpus})
            self._running[name] = WorkerProcess(self._launch.arguments, environment, name)
            if gpus:
                logger.info("worker %s has GPU %s", name, gpus)

    def look(self) -> Mapping[str, Seen]:
        """All; who has ended, once."""
        seen = {}
        for name, worker in list(self._running.items()):
            if worker.poll() is None:
                seen[name] = Seen("running", f"process {worker.process.pid} of {socket.gethostname()}")
            else:
                seen[name] = Seen("ended", fault=worker.fault())
                worker.close()
                del self._running[name]
        return seen

    def end(self, names: Sequence[str]) -> None:
        """SIGTERM to each."""
        for name in names:
            if name in self._running:
                self._running[name].terminate()

    def close(self) -> None:
        """SIGTERM to all, and SIGKILL to what runs after `grace_seconds`."""
        end_processes([worker.process for worker in self._running.values()], grace_seconds=self.grace_seconds)
        for worker in self._running.values():
            worker.close()
        self._running.clear()

    def kill(self) -> None:
        """SIGKILL to all."""
        for worker in self._running.values():
            worker.process.kill()
