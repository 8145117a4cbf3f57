"""What is launched: a worker's arguments, how many of them, with what resources."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lrtune.trainers.errors import LaunchError

_MEMORY = re.compile(r"(\d+(?:\.\d+)?) ?([KMGT]?)(?:i?B?)", re.IGNORECASE)
_POWERS = ("", "K", "M", "G", "T")


@dataclass(frozen=True)
class Resources:
    """Of each worker; None: as the engine has it where nobody says anything."""

    gpus: float | None = None
    cpus: float | None = None
    memory_bytes: int | None = None


@dataclass(frozen=True)
class Launch:
    """What every worker of a fleet is started with."""

    arguments: Sequence[str]
    """Of `lrtune`: `worker`, its options, a program. No secret is among them."""
    environment: Mapping[str, str] = field(repr=False)
    """What is added to the environment in which a worker finds itself: where the service is, and the token."""
    resources: Resources
    name: str
    """Of the fleet: the worker in its slot 3 is `name-3`, as trials name it."""


def memory_bytes(text: str) -> int:
    """`16G` as 17179869184: units of 1024, none for bytes. Raises LaunchError."""
    found = _MEMORY.fullmatch(text.strip())
    if found is None or not float(found[1]):
        raise LaunchError(f"--memory: {text!r} is no amount of memory; write 16G, or 800M")
    return int(float(found[1]) * 1024 ** _POWERS.index(found[2].upper()))


def whole_gpus(resources: Resources, engine: str) -> int | None:
    """The number of GPUs where an engine gives whole ones only. Raises LaunchError."""
    if resources.gpus is not None and resources.gpus != int(resources.gpus):
        raise LaunchError(f"--gpus: {engine} gives whole GPUs, not {resources.gpus:g}; only Ray shares one")
    return None if resources.gpus is None else int(resources.gpus)
