"""The two clocks: one for people and rows, one that deadlines are judged by.

The wall clock is set by people and by NTP, forwards and backwards. What is over after so many seconds is therefore
judged by time that elapsed. That means nothing to another process: it is kept in memory only.
"""

import time

_KIND = getattr(time, "CLOCK_BOOTTIME", None)


def elapsed_seconds() -> float:
    """Seconds since some moment before the process began; goes on while the machine sleeps, where the system can tell.

    CLOCK_BOOTTIME of Linux (clock_gettime(2)); elsewhere `time.monotonic`, which may stand still in sleep.
    """
    return time.monotonic() if _KIND is None else time.clock_gettime(_KIND)
