"""From what was typed to a fleet that runs."""

import logging
import os
import secrets
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lrtune.service.cli.commands.worker_processes import FIRST_CONTACT_SECONDS
from lrtune.service.cli.commands.workers.options import On, amounts, minutes, pairs
from lrtune.service.cli.commands.workers.passing_on import arguments, value
from lrtune.service.cli.connection import RETRY_SECONDS
from lrtune.service.cli.progress import end_fallback
from lrtune.trainers.errors import LaunchError

if TYPE_CHECKING:
    from lrtune.trainers.launchers.engine import Engine
    from lrtune.trainers.launchers.launch import Launch, Resources

ENGINE_SECONDS = 5.0
"""For an engine, beside what a worker has to give its trial back."""

Asked = Mapping[str, Any]

logger = logging.getLogger("lrtune.trainers.launchers")


def followed(ctx: Any, asked: Asked) -> int:
    """Runs a fleet until the study is finished; the exit code."""
    from lrtune.trainers.client.client import Client
    from lrtune.trainers.launchers.demand import StudyDemands
    from lrtune.trainers.launchers.fleet import Fleet
    from lrtune.trainers.worker.loop import exit_code
    from lrtune.trainers.worker.signals import Shutdown, Signals

    study = value(ctx, "study")
    log(quiet=value(ctx, "quiet"))
    server = _first_contact(asked["server"], study)
    engine, count, name = _engine(ctx, asked, server)
    try:
        # The engine is there before the signals, since Ray takes SIGTERM for itself when it connects.
        with Signals() as signals, ExitStack() as ends:
            ends.callback(engine.close)
            signals.at_once.append(engine.kill)
            end_fallback()
            client = ends.enter_context(Client(server, retry_seconds=RETRY_SECONDS, stopping=signals.stopping))
            fleet = Fleet(engine, StudyDemands(client, study), count, name=name, keep=asked["keep"])
            if asked["detach"]:
                fleet.look()
                ends.pop_all()
                print(_detached(engine, fleet.running))
                return 0
            fleet.run(signals.stopping)
            if signals.stopping.is_set() and fleet.running:
                logger.info("workers end, and give their trials back; once more to end them at once")
        if not signals.stopping.is_set():
            logger.info("study %s has nothing left to train", study)
        signals.check()
    except Shutdown as shutdown:
        return exit_code(shutdown)
    return 0


def log(*, quiet: bool) -> None:
    """As of a worker."""
    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.WARNING if quiet else logging.INFO)
    logging.getLogger("httpx2").setLevel(logging.WARNING)


def _first_contact(server: str | None, study: str) -> str:
    """The address of a service that knows the study. Raises LrtuneError."""
    from lrtune.trainers.client.client import Client
    from lrtune.trainers.launchers.reach import check_served

    check_served(server or os.environ.get("LRTUNE_SERVER") or "")
    with Client(server, retry_seconds=FIRST_CONTACT_SECONDS) as client:
        client.study(study)
        return client.server


def _engine(ctx: Any, asked: Asked, server: str) -> "tuple[Engine, int, str]":
    """The engine, how many workers at the most, and the fleet's name."""
    from lrtune.trainers.launchers.engines.local import LocalEngine
    from lrtune.trainers.launchers.reach import environment, token_elsewhere, token_here

    on: On = asked["on"]
    name = asked["name"] or f"{on.value}-{secrets.token_hex(2)}"
    count, resources, grace = asked["number"], resources_of(asked), grace_seconds_of(ctx)
    if on is On.local:
        launch = launch_of(ctx, asked, name, resources, environment(server, token_here()))
        local = LocalEngine(launch, count, grace_seconds=grace)
        return local, local.workers, name
    if count is None:
        raise LaunchError(f"-n: say how many workers, as in --on {on.value} -n 8")
    if on is On.ray:
        launch = launch_of(ctx, asked, name, resources, environment(server, token_elsewhere(asked["token_file"])))
        return _ray(launch, asked, grace), count, name
    return _slurm(ctx, asked, server, name, resources, grace), count, name


def launch_of(ctx: Any, asked: Asked, name: str, resources: "Resources", environment: Mapping[str, str]) -> "Launch":
    from lrtune.trainers.launchers.launch import Launch

    return Launch(arguments(ctx, asked["program"]), environment, resources, name)


def resources_of(asked: Asked) -> "Resources":
    from lrtune.trainers.launchers.launch import Resources, memory_bytes

    return Resources(asked["gpus"], asked["cpus"], None if asked["memory"] is None else memory_bytes(asked["memory"]))


def grace_seconds_of(ctx: Any) -> float:
    from lrtune.trainers.worker.grace import LEAVING_SECONDS

    return float(value(ctx, "grace_seconds")) + LEAVING_SECONDS


def _ray(launch: "Launch", asked: Asked, grace_seconds: float) -> "Engine":
    from lrtune.trainers.launchers.engines.ray_actors import RayEngine, RayOptions

    options = RayOptions(asked["address"] or "auto", amounts(asked["resource"]), asked["working_dir"])
    return RayEngine(launch, options, grace_seconds=grace_seconds + ENGINE_SECONDS)


def _slurm(ctx: Any, asked: Asked, server: str, name: str, resources: "Resources", grace_seconds: float) -> "Engine":
    from lrtune.trainers.launchers.engines.slurm import CLUSTERS, SlurmEngine, SlurmOptions
    from lrtune.trainers.launchers.reach import check_reachable, environment, token_elsewhere, token_in

    if asked["cluster"] not in CLUSTERS:
        raise LaunchError(f"--cluster: {asked['cluster']!r} is none of {', '.join(CLUSTERS)}")
    if asked["cluster"] == "slurm":
        check_reachable(server, "on Slurm's nodes")
    folder = Path(asked["folder"]).absolute() / name
    options = SlurmOptions(
        folder=folder,
        minutes=minutes(asked["time"]),
        sbatch=pairs(asked["sbatch"], "--sbatch", "gres=gpu:a100:1"),
        **{key: asked[key] for key in ("partition", "account", "qos", "constraint", "cluster")},
    )
    token = token_elsewhere(asked["token_file"]) if asked["token_file"] else token_in(folder)
    launch = launch_of(ctx, asked, name, resources, environment(server, token))
    logger.info("jobs and their logs are in %s", folder)
    return SlurmEngine(launch, options, grace_seconds=grace_seconds + ENGINE_SECONDS)


def _detached(engine: "Engine", running: int) -> str:
    jobs = " ".join(getattr(engine, "job_ids", ()))
    if not running:
        return "the study has work for no worker: nothing was submitted"
    return f"submitted: {running} in job {jobs}; `squeue --job {jobs}` shows them, `scancel {jobs}` ends them"
