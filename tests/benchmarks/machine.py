"""The machine a measurement was made on, as far as it explains the numbers."""

import os
import platform
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

_SYNCS = 15


def describe(folder: Path) -> dict[str, Any]:
    """Cores, load and what an fsync takes in `folder`; loopback and the file system's truth are taken on trust."""
    return {
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
        "fsync_milliseconds": round(1000 * _fsync_seconds(folder), 3),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "optuna": version("optuna"),
    }


def _fsync_seconds(folder: Path) -> float:
    took = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(_SYNCS):
            file.write(b"x" * 4096)
            file.flush()
            began = time.perf_counter()
            os.fsync(file.fileno())
            took.append(time.perf_counter() - began)
    return median(took)
