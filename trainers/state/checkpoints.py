"""Checkpoints of a training: written whole or not at all, the newest few kept."""

import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import torch

from lrtune.trainers.errors import TrainingError

CPU = torch.device("cpu")
KEEP = 2
"""The newest, and one more, which a service may still point to."""


def save(folder: str | Path, prefix: str, step: int, state: dict[str, Any]) -> Path:
    """Writes `folder/prefix-step-N.pt` and deletes all but the newest `KEEP` with this prefix."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{prefix}-step-{step}.pt"
    partial = path.with_suffix(f".{os.getpid()}.partial")
    with partial.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    for old in _by_step(folder, prefix)[:-KEEP]:
        old.unlink(missing_ok=True)
    return path


def latest(folder: str | Path, prefix: str = "fit") -> Path | None:
    """The checkpoint in `folder` with the most steps; None where there is none."""
    found = _by_step(Path(folder), prefix)
    return found[-1] if found else None


def load(where: str | Path, device: torch.device = CPU) -> dict[str, Any]:
    """The state in a checkpoint, a path or a file:// URI; nothing in it is run.

    All of its tensors are on `device`. Random states have to stay on the CPU, whatever is trained on; models and
    optimizers move what they load to their own device.

    Raises TrainingError for a file that is missing, cannot be read or is no checkpoint, and for a folder.
    """
    path = path_of(where)
    if path.is_dir():
        raise TrainingError(f"{path} is a folder: give a checkpoint in it, the newest is latest({str(path)!r})")
    try:
        state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    except FileNotFoundError:
        raise TrainingError(f"there is no checkpoint {path}: it must lie where every worker can read it") from None
    except OSError as error:
        raise TrainingError(f"the checkpoint {path} cannot be read: {error.strerror or error}") from error
    except Exception as error:
        raise TrainingError(
            f"{path} is no checkpoint of a training: it is cut short, was written by something else, or holds more "
            "than tensors and plain values"
        ) from error
    if not isinstance(state, dict) or "model" not in state:
        raise TrainingError(f"{path} is no checkpoint of lrtune.fit")
    return state


def path_of(where: str | Path) -> Path:
    """Of a path or a file:// URI."""
    parsed = urlparse(str(where))
    return Path(unquote(parsed.path)) if parsed.scheme == "file" else Path(where)


def _by_step(folder: Path, prefix: str) -> list[Path]:
    name = re.compile(re.escape(prefix) + r"-step-(\d+)\.pt")
    found = [(int(match[1]), path) for path in folder.glob("*.pt") if (match := name.fullmatch(path.name))]
    return [path for _, path in sorted(found)]
