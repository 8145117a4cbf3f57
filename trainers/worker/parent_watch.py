"""A process that ends when the one that started it has gone, however that ended.

The owner starts it with `owned_environment()` and a pipe for its standard input, which it never writes to. The system
closes the pipe with the owner, SIGKILL included; the process then gets SIGTERM from itself.
"""

import os
import signal
import threading
from collections.abc import Mapping

VARIABLE = "LRTUNE_OWNED"
_STDIN = 0


def owned_environment(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment (default: this process's) for a process that this one owns."""
    return {**(os.environ if environment is None else environment), VARIABLE: "1"}


def end_with_owner() -> None:
    """Watch for the owner's end in a daemon thread; nothing where the process has no owner."""
    if os.environ.pop(VARIABLE, None) == "1":
        threading.Thread(target=_watch, name="lrtune-owner", daemon=True).start()


def _watch() -> None:
    try:
        while os.read(_STDIN, 1024):
            pass
    except OSError:
        return
    os.kill(os.getpid(), signal.SIGTERM)
