"""A process group: who is left in it, and signals to all of it."""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_PROCESSES = Path("/proc")
_ENDED = ("Z", "X")


def send_to_group(group: int, number: signal.Signals) -> None:
    """A signal to all that are left in it."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def is_group_gone(group: int) -> bool:
    """Whether nobody in it runs any more.

    Who has ended and was not waited for is a member still, and stays one for ever in a container without an init: those
    are waited for here, where they fell to this process, and are not counted where the system says what they are.
    """
    with suppress(ChildProcessError):
        while os.waitpid(-group, os.WNOHANG)[0]:
            pass
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    except PermissionError:  # macOS says so of those that have ended and were not waited for.
        return True
    if not _PROCESSES.joinpath("self", "stat").exists():
        return False
    return all(state in _ENDED for state in _states(group))


def _states(group: int) -> Iterator[str]:
    """The state of each member, a letter as in proc(5)."""
    for folder in _PROCESSES.iterdir():
        if folder.name.isdecimal():
            with suppress(OSError):
                state, _, member_of = folder.joinpath("stat").read_text().rpartition(")")[2].split()[:3]
                if int(member_of) == group:
                    yield state
