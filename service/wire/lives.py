"""What can happen to a trial between its first lease and its end."""

from dataclasses import dataclass
from typing import Literal, get_args

Happened = Literal["leased", "paused", "lost", "given back"]
HAPPENED: tuple[Happened, ...] = get_args(Happened)


@dataclass(frozen=True)
class Event:
    """At a time, in seconds since the epoch: what happened to the lease of a worker, in which attempt."""

    at: float
    what: Happened
    worker: str
    attempt: int
