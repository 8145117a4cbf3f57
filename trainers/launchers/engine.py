"""What a fleet asks of an engine, and hears from it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol


@dataclass(frozen=True)
class Fault:
    """Why a worker ended which should not have."""

    text: str
    lost: bool = False
    """The machine went, or the scheduler wanted it: nothing that the worker did, and no reason to give up."""


@dataclass(frozen=True)
class Seen:
    """A worker, as the engine has it now."""

    state: Literal["waiting", "running", "ended"]
    """waiting: for resources."""
    where: str = ""
    """The process, for people: a host and a process id, a job."""
    fault: Fault | None = None
    """Of one that ended; None where it ended in good order."""


class Engine(Protocol):
    """Runs workers, by name. A name is used again once its worker was seen ended.

    `close` ends all workers: each is asked to give its trial back, and has `grace_seconds` for it. `kill` does not ask.
    """

    look_every_seconds: float
    grace_seconds: float

    def start(self, names: Sequence[str]) -> None:
        """Starts a worker for each name. Raises LaunchError where the engine takes none."""

    def look(self) -> Mapping[str, Seen]:
        """All that were started; one that has ended is among them once."""

    def end(self, names: Sequence[str]) -> None:
        """Asks them to give their trials back and end; does not wait."""

    def close(self) -> None:
        """Ends them all; returns when they have ended, or were killed."""

    def kill(self) -> None:
        """Ends them all at once; their trials are leased again when their leases run out."""
