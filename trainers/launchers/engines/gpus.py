"""The GPUs of this machine, and who has which."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence

from lrtune.service.sentences.words import count
from lrtune.trainers.errors import LaunchError

VARIABLE = "CUDA_VISIBLE_DEVICES"
_ANSWER_SECONDS = 20.0


def visible_gpus(environment: Mapping[str, str] | None = None) -> list[str]:
    """What `CUDA_VISIBLE_DEVICES` names, else what `nvidia-smi` lists; as that variable takes them.

    Raises LaunchError where `nvidia-smi` is there and does not answer.
    """
    named = (os.environ if environment is None else environment).get(VARIABLE)
    if named is not None:
        return [gpu.strip() for gpu in named.split(",") if gpu.strip() not in ("", "-1")]
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    try:
        listed = subprocess.run(
            [program, "--query-gpu=index", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=_ANSWER_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise LaunchError(
            f"nvidia-smi has not answered within {_ANSWER_SECONDS:.0f} s: name the GPUs in {VARIABLE}, as 0,1"
        ) from None
    if listed.returncode != 0:
        said = " ".join((listed.stderr or listed.stdout).split())[:200]
        raise LaunchError(f"nvidia-smi names no GPUs ({said}): name them in {VARIABLE}, as 0,1; none: leave it empty")
    return [line.strip() for line in listed.stdout.splitlines() if line.strip()]


def shares(gpus: Sequence[str], each: int | None, workers: int | None) -> list[str | None]:
    """The `CUDA_VISIBLE_DEVICES` of each worker: each GPU is in one of them at most. None: as it is.

    `each` None is one for each worker where there are GPUs; 0 hides them from all. `workers` None: as many as have
    some, one where there are none. Raises LaunchError where there are not enough.

    >>> shares(["0", "1", "2", "3"], 2, None)
    ['0,1', '2,3']
    """
    if each is None and not gpus:
        return [None] * (workers or 1)
    each = 1 if each is None else each
    if each == 0:
        return [""] * (workers or 1)
    most = len(gpus) // each
    if (workers or 1) > most:
        raise LaunchError(
            f"-n: {count(workers or 1, 'worker')} with {count(each, 'GPU')} each, and this machine shows {len(gpus)}: "
            + (f"-n {most}, or " if most else "")
            + "--gpus 0 for workers that train without"
        )
    return [",".join(gpus[each * slot : each * (slot + 1)]) for slot in range(workers or most)]
