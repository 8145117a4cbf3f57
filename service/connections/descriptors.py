"""File descriptors: what the system lets the process have."""

import contextlib
import errno
import os

try:
    import resource
except ModuleNotFoundError:  # Windows, which sets no such limit.
    resource = None  # type: ignore[assignment]

_MOST = 1 << 20
"""Asked for where the system would give any number."""


def raise_limit() -> int | None:
    """Raise the soft limit of open file descriptors to the hard one; the limit then, None where there is none."""
    if resource is None:
        return None
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST if hard == resource.RLIM_INFINITY else min(hard, _MOST)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):  # macOS has another limit besides.
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
    return None if soft == resource.RLIM_INFINITY else soft


def are_left() -> bool:
    """Whether the process can open one more descriptor now."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return error.errno not in (errno.EMFILE, errno.ENFILE)
    return True
