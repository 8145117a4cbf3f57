"""Workers on a Ray cluster: an actor each, which has its resources and owns a worker's process."""

import logging
import os
import socket
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import ActorUnavailableError, RayActorError, RayError

from lrtune.service.sentences.failures import error_line
from lrtune.trainers.errors import LaunchError
from lrtune.trainers.launchers.engine import Fault, Seen
from lrtune.trainers.launchers.engines.gpus import VARIABLE
from lrtune.trainers.launchers.launch import Launch
from lrtune.trainers.launchers.process import WorkerProcess
from lrtune.trainers.launchers.reach import SERVER, check_reachable

_ANSWER_SECONDS = 2.0
"""For actors to say how their workers are; who has not yet is asked no second time meanwhile."""
_CONNECT_SECONDS = 5.0
UNAVAILABLE_SECONDS = 120.0
"""Of an actor, before another takes its place."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RayOptions:
    """In Ray's own terms."""

    address: str = "auto"
    """`auto`, `HOST:PORT`, `ray://HOST:PORT`; `local` starts a cluster of this machine, for as long as workers run."""
    resources: Mapping[str, float] = field(default_factory=dict)
    """Custom ones, of each worker."""
    working_dir: str | None = None
    """A folder that is copied to the nodes, where workers then run."""


class Host:
    """An actor: one worker's process, where Ray has put it."""

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str], name: str, folder: str | None) -> None:
        if folder is not None and Path(folder).is_dir():
            os.chdir(folder)
        self._worker = WorkerProcess(arguments, environment, name)

    def look(self) -> tuple[Seen, str]:
        """How the worker is, and the node's id."""
        node = ray.get_runtime_context().get_node_id()
        if self._worker.poll() is None:
            return Seen("running", f"process {self._worker.process.pid} of {socket.gethostname()}"), node
        return Seen("ended", fault=self._worker.fault()), node

    def end(self) -> None:
        """SIGTERM to the worker."""
        self._worker.terminate()


@dataclass
class _Actor:
    handle: Any
    asked: Any
    seen: Seen = field(default_factory=lambda: Seen("waiting"))
    node: str | None = None
    unavailable_since: float | None = None

    def ask_again(self) -> None:
        """Of one that Ray does not reach: it has not said yet whether the actor lives, and says so in a while."""
        now = time.monotonic()
        self.unavailable_since = now if self.unavailable_since is None else self.unavailable_since
        if now - self.unavailable_since >= UNAVAILABLE_SECONDS:
            self.seen = Seen("ended", fault=Fault("its node does not answer", lost=True))
        else:
            self.asked = self.handle.look.remote()


class RayEngine:
    """Actors of a cluster that is there; Ray ends them with this process, however that ends. An `Engine`.

    Within `with` it is connected. Raises LaunchError where there is no such cluster, or where its machines cannot reach
    the service.
    """

    look_every_seconds = 1.0

    def __init__(self, launch: Launch, options: RayOptions, *, grace_seconds: float) -> None:
        self.grace_seconds = grace_seconds
        self._launch = launch
        # For none Ray leaves the variable as it is, and workers would find all GPUs of their node.
        hidden = {VARIABLE: ""} if launch.resources.gpus == 0 else {}
        self._environment = {**launch.environment, **hidden}
        self._folder = None if options.working_dir else os.getcwd()
        self._actors: dict[str, _Actor] = {}
        _connect(options)
        try:
            _check_cluster(launch)
        except BaseException:
            ray.shutdown()
            raise
        wanted = launch.resources
        self._host: Any = ray.remote(Host).options(
            num_gpus=wanted.gpus or 0,
            num_cpus=1 if wanted.cpus is None else wanted.cpus,
            memory=wanted.memory_bytes,
            resources=dict(options.resources) or None,
            max_restarts=0,
            max_task_retries=0,
        )

    def start(self, names: Sequence[str]) -> None:
        """An actor for each; Ray starts it where and when there is room."""
        for name in names:
            # As arguments, which Ray shows to nobody; of a runtime environment its dashboard shows the variables.
            arguments = (list(self._launch.arguments), self._environment, name, self._folder)
            handle = self._host.remote(*arguments)
            self._actors[name] = _Actor(handle, handle.look.remote())

    def look(self) -> Mapping[str, Seen]:
        """All, as they last said; who has ended, once."""
        asked = {actor.asked: name for name, actor in self._actors.items()}
        answered, _ = ray.wait(list(asked), num_returns=len(asked), timeout=_ANSWER_SECONDS) if asked else ([], [])
        for answer in answered:
            self._take_in(self._actors[asked[answer]], answer)
        seen = {name: actor.seen for name, actor in self._actors.items()}
        for name, one in seen.items():
            if one.state == "ended":
                self._drop(self._actors.pop(name))
        return seen

    def _take_in(self, actor: _Actor, answer: Any) -> None:
        try:
            actor.seen, actor.node = ray.get(answer)
            actor.unavailable_since = None
        except ActorUnavailableError:
            actor.ask_again()
        except RayActorError as error:
            actor.seen = Seen("ended", fault=_fault_of(error, actor.node))
        except RayError as error:
            actor.seen = Seen("ended", fault=Fault(f"Ray: {error_line(str(error))}"))
        else:
            actor.asked = actor.handle.look.remote()

    def end(self, names: Sequence[str]) -> None:
        """SIGTERM to the worker of each; an actor that waits for resources waits no longer."""
        for name in names:
            actor = self._actors.get(name)
            if actor is not None and actor.seen.state == "running":
                actor.handle.end.remote()
            elif actor is not None:
                self._drop(actor)

    def close(self) -> None:
        """SIGTERM to all workers; after `grace_seconds` their actors are killed, and leaves the cluster."""
        self.end(list(self._actors))
        deadline = time.monotonic() + self.grace_seconds
        with suppress(RayError):
            while any(seen.state == "running" for seen in self.look().values()) and time.monotonic() < deadline:
                time.sleep(0.1)
        self.kill()
        ray.shutdown()

    def kill(self) -> None:
        """Kills the actors, and Ray their workers with them."""
        for actor in self._actors.values():
            self._drop(actor)
        self._actors.clear()

    def _drop(self, actor: _Actor) -> None:
        with suppress(RayError, ValueError):
            ray.kill(actor.handle)


def _connect(options: RayOptions) -> None:
    _check_address(options.address)
    runtime = {"working_dir": options.working_dir} if options.working_dir else None
    try:
        ray.init(address=options.address, runtime_env=runtime, log_to_driver=True, logging_level=logging.WARNING)
    except (ConnectionError, RuntimeError, ValueError, OSError, RayError) as error:
        raise LaunchError(
            f"--address: no Ray cluster at {options.address} ({error_line(str(error))}); start one with "
            "`ray start --head`, name its address, or --address local for one of this machine alone"
        ) from None


def _check_address(address: str) -> None:
    """A short try, since Ray's own lasts minutes and may end the process."""
    host, separator, port = address.removeprefix("ray://").rpartition(":")
    if not separator or not port.isdigit():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECT_SECONDS).close()
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise LaunchError(
            f"--address: nothing answers at {address} ({why}); `ray status` on the head node says what runs, and "
            "`ray start --head` starts a cluster"
        ) from None


def spans_machines(nodes: Sequence[Mapping[str, Any]], here: str) -> bool:
    """Whether a node that is there is on another machine than the one at `here`."""
    return any(node["Alive"] and node["NodeManagerAddress"] != here for node in nodes)


def _check_cluster(launch: Launch) -> None:
    if spans_machines(ray.nodes(), ray.util.get_node_ip_address()):
        check_reachable(launch.environment[SERVER], "of the cluster's other machines")
    if launch.resources.gpus and not ray.cluster_resources().get("GPU"):
        logger.warning("no machine of the cluster has a GPU yet, and each worker waits for %g", launch.resources.gpus)


def _fault_of(error: RayActorError, node: str | None) -> Fault:
    alive = {one["NodeID"] for one in ray.nodes() if one["Alive"]}
    if node is not None and node not in alive:
        return Fault("its node is gone", lost=True)
    return Fault(f"its actor died: {_cause(str(error))}")


def _cause(text: str) -> str:
    """Of what Ray says of a dead actor: the exception that it was made with, else the sentence that names the cause."""
    for line in text.splitlines():
        if "The actor died" in line or "OutOfMemory" in line or "memory" in line:
            return " ".join(line.split())[:300]
    return error_line(text)
