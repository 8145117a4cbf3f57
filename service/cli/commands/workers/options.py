"""Options of engines, in their own terms, and what is wrong with some."""

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any

import typer

from lrtune.trainers.errors import LaunchError

_DURATION = re.compile(r"(?:(?P<days>\d+)-(?=\d))?(?P<parts>\d+(?::\d+){0,2})")


class On(StrEnum):
    """Where workers run."""

    local = "local"
    ray = "ray"
    slurm = "slurm"
    kubernetes = "kubernetes"


OF_ENGINES: dict[str, tuple[On, ...]] = {
    **dict.fromkeys(("cpus", "memory"), (On.ray, On.slurm, On.kubernetes)),
    **dict.fromkeys(("address", "resource", "working_dir"), (On.ray,)),
    **dict.fromkeys(("partition", "account", "qos", "constraint", "time", "sbatch"), (On.slurm,)),
    **dict.fromkeys(("folder", "cluster", "detach"), (On.slurm,)),
    **dict.fromkeys(("image", "namespace", "secret", "node_selector", "service_account"), (On.kubernetes,)),
    **dict.fromkeys(("gpu_resource", "service_image"), (On.kubernetes,)),
    "keep": (On.local, On.ray, On.slurm),
    "token_file": (On.ray, On.slurm),
}
"""Which engines take an option that not all do."""

_RAY, _SLURM, _KUBERNETES = "Ray", "Slurm", "Kubernetes"

Address = Annotated[
    str | None,
    typer.Option(
        envvar="RAY_ADDRESS",
        help="HOST:PORT or ray://HOST:PORT; local starts a cluster of this machine.",
        show_default="auto: the one that runs here",
        rich_help_panel=_RAY,
    ),
]
Resource = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME=AMOUNT", help="A custom resource of each worker.", rich_help_panel=_RAY),
]
WorkingDir = Annotated[
    str | None,
    typer.Option(
        metavar="FOLDER",
        help="Copied to the nodes, for workers to run in.",
        show_default="this folder, where a node has it",
        rich_help_panel=_RAY,
    ),
]
Partition = Annotated[str | None, typer.Option(help="As of sbatch.", rich_help_panel=_SLURM)]
Account = Annotated[str | None, typer.Option(help="As of sbatch.", rich_help_panel=_SLURM)]
Qos = Annotated[str | None, typer.Option(help="As of sbatch.", rich_help_panel=_SLURM)]
Constraint = Annotated[str | None, typer.Option(help="As of sbatch.", rich_help_panel=_SLURM)]
Time = Annotated[
    str,
    typer.Option(
        metavar="[D-]HH:MM:SS", help="As of sbatch: of each job, which is then requeued.", rich_help_panel=_SLURM
    ),
]
Sbatch = Annotated[
    list[str] | None,
    typer.Option(metavar="OPTION=VALUE", help="Any other option of sbatch: gres=gpu:a100:1.", rich_help_panel=_SLURM),
]
Folder = Annotated[str, typer.Option(help="Of logs and job files; every node must see it.", rich_help_panel=_SLURM)]
Cluster = Annotated[
    str,
    typer.Option(help="local: try it with processes of this machine, without Slurm.", rich_help_panel=_SLURM),
]
Detach = Annotated[
    bool,
    typer.Option("--detach", help="Submit and return; Slurm keeps the workers.", rich_help_panel=_SLURM),
]
Image = Annotated[
    str | None, typer.Option(help="Of the workers: one with lrtune and your code.", rich_help_panel=_KUBERNETES)
]
Namespace = Annotated[
    str | None, typer.Option(help="Of all manifests.", show_default="kubectl's", rich_help_panel=_KUBERNETES)
]
Secret = Annotated[
    str | None,
    typer.Option(
        help="A Secret that is there, with the token under `token`.",
        show_default="one is written, with the token of this machine",
        rich_help_panel=_KUBERNETES,
    ),
]
NodeSelector = Annotated[
    list[str] | None,
    typer.Option(metavar="LABEL=VALUE", help="Of nodes to run on.", rich_help_panel=_KUBERNETES),
]
ServiceAccount = Annotated[str | None, typer.Option(help="Of the pods.", rich_help_panel=_KUBERNETES)]
GpuResource = Annotated[str, typer.Option(help="What a GPU is called.", rich_help_panel=_KUBERNETES)]
ServiceImage = Annotated[
    str | None,
    typer.Option(
        help="Of the service: write one, too, called lrtune, from LRTUNE_STORAGE, LRTUNE_ADMIN_TOKEN_FILE and "
        "LRTUNE_WORKER_TOKEN_FILE.",
        rich_help_panel=_KUBERNETES,
    ),
]


def check_engine(ctx: Any, on: On) -> None:
    """Raises LaunchError for an option of another engine."""
    for name, engines in OF_ENGINES.items():
        if on not in engines and ctx.get_parameter_source(name).name == "COMMANDLINE":
            flag = f"--{name.replace('_', '-')}"
            takers = " and ".join(f"--on {one.value}" for one in engines)
            raise LaunchError(f"{flag} goes with {takers}, not with --on {on.value}: leave it out")


def pairs(given: Sequence[str] | None, option: str, example: str) -> dict[str, str]:
    """`NAME=VALUE`s. Raises LaunchError."""
    found = {}
    for text in given or ():
        name, separator, value = text.partition("=")
        if not separator or not name.strip("- ") or not value:
            raise LaunchError(f"{option}: {text!r} is no NAME=VALUE; write {option} {example}")
        found[name.strip("- ")] = value
    return found


def amounts(given: Sequence[str] | None) -> dict[str, float]:
    """The values of `--resource`. Raises LaunchError."""
    found = {}
    for name, text in pairs(given, "--resource", "a100=1").items():
        try:
            found[name] = float(text)
        except ValueError:
            raise LaunchError(f"--resource: {text!r} is no number; write --resource {name}=1") from None
    return found


def minutes(text: str) -> int:
    """A duration as sbatch takes it, in minutes, rounded up. Raises LaunchError.

    >>> minutes("90"), minutes("4:00:00"), minutes("1-12"), minutes("2:30")
    (90, 240, 2160, 3)
    """
    found = _DURATION.fullmatch(text.strip())
    if found is None:
        raise LaunchError(f"--time: {text!r} is no duration; write HH:MM:SS, D-HH:MM:SS, or minutes")
    parts = [int(part) for part in found["parts"].split(":")]
    if found["days"]:
        hours, minute, second = [*parts, 0, 0][:3]
    elif len(parts) == 3:
        hours, minute, second = parts
    else:
        hours, (minute, second) = 0, [*parts, 0][:2]
    seconds = int(found["days"] or 0) * 86_400 + hours * 3600 + minute * 60 + second
    if seconds <= 0:
        raise LaunchError(f"--time: {text!r} is no time; write 4:00:00")
    return -(-seconds // 60)
