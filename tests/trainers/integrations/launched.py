"""A program that torchrun starts as two ranks, and what each of them wrote into a file."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.end_to_end.conftest import environ

LAUNCH_SECONDS = 150


def launched(program: Path, address: str, folder: Path) -> list[list[dict[str, Any]]]:
    """What `program ADDRESS FOLDER` wrote into FOLDER/RANK.json."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    ran = subprocess.run(
        [*command, str(program), address, str(folder)],
        env=environ(HF_HUB_OFFLINE="1", GLOO_SOCKET_IFNAME="lo", OMP_NUM_THREADS="1"),
        capture_output=True,
        text=True,
        timeout=LAUNCH_SECONDS,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in (0, 1)]
