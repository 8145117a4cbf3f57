"""The garbage collector, and objects that never form cycles."""

import contextlib
import gc
import threading
from collections.abc import Iterator

_lock = threading.Lock()
_pausing = 0


@contextlib.contextmanager
def gc_paused() -> Iterator[None]:
    """No cyclic garbage collection within the block, in any thread; blocks may overlap.

    A study's mirror is millions of objects that all live on, and none of them is part of a cycle: the collector would
    go through all of them again and again while they are made, a third of the time of loading.
    """
    global _pausing
    with _lock:
        ours = _pausing > 0 or gc.isenabled()  # Where somebody else keeps it off, it stays off.
        if ours:
            _pausing += 1
            gc.disable()
    try:
        yield
    finally:
        if ours:
            with _lock:
                _pausing -= 1
                if _pausing == 0:
                    gc.enable()
