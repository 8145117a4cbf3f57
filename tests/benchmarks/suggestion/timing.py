"""How much processor time something takes."""

import time
from collections.abc import Callable
from statistics import median

_TIMES = 9


def seconds_of(what: Callable[[], object]) -> float:
    """The median processor time of a call, in seconds, of all threads of this process."""
    took = []
    for _ in range(_TIMES):
        began = time.process_time()
        what()
        took.append(time.process_time() - began)
    return median(took)
