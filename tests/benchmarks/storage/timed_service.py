"""`lrtune` with a clock on its garbage collector: `python -m tests.benchmarks.storage.timed_service FILE serve …`.

When it ends, FILE holds a line of JSON for each collection: when it began by the monotonic clock, its generation, and
for how many seconds everything stood still, by the wall and by the processor.
"""

import atexit
import gc
import json
import sys
import time
from pathlib import Path

from lrtune.service.cli.main import main

_found: list[tuple[float, int, float, float]] = []
_begun = [0.0, 0.0]


def _measure(phase: str, info: dict[str, int]) -> None:
    if phase == "start":
        _begun[:] = time.monotonic(), time.thread_time()
    else:
        taken = (time.monotonic() - _begun[0], time.thread_time() - _begun[1])
        _found.append((_begun[0], info["generation"], *taken))


def _write(path: Path) -> None:
    path.write_text("".join(json.dumps(one) + "\n" for one in _found))


if __name__ == "__main__":
    atexit.register(_write, Path(sys.argv.pop(1)))
    gc.callbacks.append(_measure)
    main()
