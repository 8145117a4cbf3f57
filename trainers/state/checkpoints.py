"""Checkpoints of a training: written whole or not at all, the newest few kept, looked through before they are used.

They lie in a folder, or in an object store: see `lrtune.trainers.state.places`. Each is a zip file of torch's, which
has a sum of every part. So one that was cut short or altered is told from one that is whole, and is not gone on from.
"""

import logging
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import torch

from lrtune.trainers.errors import TrainingError
from lrtune.trainers.state.places.local import LocalFolder
from lrtune.trainers.state.places.opened import place_and_name, place_of
from lrtune.trainers.state.places.place import Place

CPU = torch.device("cpu")
KEEP = 2
"""The newest, and one more, which a service may still point to."""

logger = logging.getLogger(__name__)


class Writer:
    """Writes the checkpoints of one training, `prefix-step-N.pt` in `folder`, and keeps the newest `KEEP` of them."""

    def __init__(self, folder: str | Path | Place, prefix: str) -> None:
        self._place = place_of(folder)
        self._prefix = prefix
        self._names: list[str] | None = None
        self._wrote = False

    def save(self, step: int, state: dict[str, Any]) -> str | None:
        """Its URI. None, and a warning, where it cannot be written although one before was: a training goes on then.

        Raises TrainingError where the first one cannot be.
        """
        try:
            return self.write(step, state)
        except TrainingError as error:
            if not self._wrote:
                raise
            logger.warning("the training goes on without a checkpoint of step %d: %s", step, error)
            return None

    def write(self, step: int, state: dict[str, Any]) -> str:
        """Its URI. Raises TrainingError where it cannot be written."""
        name = f"{self._prefix}-step-{step}.pt"
        if self._names is None:
            self._names = _by_step(self._place, self._prefix)
        self._place.write(name, _filling(state))
        self._wrote = True
        self._names = sorted({*self._names, name}, key=lambda one: _step_of(one, self._prefix))
        for old in self._names[:-KEEP]:
            try:
                self._place.remove(old)
            except TrainingError as error:
                logger.info("an old checkpoint stays: %s", error)
        del self._names[:-KEEP]
        return self._place.uri(name)


def save(folder: str | Path | Place, prefix: str, step: int, state: dict[str, Any]) -> str:
    """Writes one, as `Writer` does, and deletes all but the newest `KEEP` with this prefix; its URI.

    Raises TrainingError where it cannot be written.
    """
    return Writer(folder, prefix).write(step, state)


def latest(folder: str | Path, prefix: str = "fit") -> Path | str | None:
    """The checkpoint in `folder` with the most steps that is whole: a path, of an object store a URI; None where there
    is none. Raises TrainingError for a folder that cannot be looked into."""
    place = place_of(folder)
    for name in reversed(_by_step(place, prefix)):
        try:
            load(place.uri(name))
        except TrainingError as error:
            logger.warning("it is not gone on from: %s", error)
        else:
            return place.path / name if isinstance(place, LocalFolder) else place.uri(name)
    return None


def load(where: str | Path, device: torch.device = CPU, *, within: Place | None = None) -> dict[str, Any]:
    """The state in a checkpoint, a path or a URI; nothing in it is run.

    All of its tensors are on `device`. Random states have to stay on the CPU, whatever is trained on; models and
    optimizers move what they load to their own device.

    Raises TrainingError for a file that is missing, cannot be read, is not whole or no checkpoint, for a folder, and
    for what does not lie `within` a place.
    """
    place, name = place_and_name(where) if within is None else (within, within.name_of(str(where)))
    if isinstance(place, LocalFolder) and (place.path / name).is_dir():
        path = str(place.path / name)
        raise TrainingError(f"{path} is a folder: give a checkpoint in it, the newest is latest({path!r})")
    with place.reading(name) as file:
        return _read(file, _told(place, name), device)


def is_whole(place: Place, name: str) -> bool:
    """Whether the file, torch's or Lightning's, is there and each part of it is as it was written."""
    try:
        with place.reading(name) as file:
            _check(file, name)
    except TrainingError:
        return False
    return True


def _filling(state: dict[str, Any]) -> Callable[[IO[bytes]], None]:
    def fill(file: IO[bytes]) -> None:
        sums = torch.serialization.get_crc32_options()
        torch.serialization.set_crc32_options(True)  # Whoever turned them off for speed: they are what is checked.
        try:
            torch.save(state, file)
        finally:
            torch.serialization.set_crc32_options(sums)

    return fill


def _read(file: IO[bytes], told: str, device: torch.device) -> dict[str, Any]:
    _check(file, told)
    file.seek(0)
    try:
        state: dict[str, Any] = torch.load(file, map_location=device, weights_only=True)
    except OSError as error:
        raise TrainingError(f"the checkpoint {told} cannot be read: {error.strerror or error}") from error
    except Exception as error:
        raise _no_checkpoint(told) from error
    if not isinstance(state, dict) or "model" not in state:
        raise TrainingError(f"{told} is no checkpoint of lrtune.fit")
    return state


def _check(file: IO[bytes], told: str) -> None:
    """Raises TrainingError for what is not whole. torch itself looks at no sums."""
    try:
        with zipfile.ZipFile(file) as parts:
            wrong = parts.testzip()
    except OSError as error:
        raise TrainingError(f"the checkpoint {told} cannot be read: {error.strerror or error}") from error
    except Exception as error:  # zipfile has errors of many kinds for what is none.
        raise _no_checkpoint(told) from error
    if wrong is not None:
        raise TrainingError(f"{told} is no checkpoint of a training any more: {wrong} in it was altered")


def _no_checkpoint(told: str) -> TrainingError:
    return TrainingError(
        f"{told} is no checkpoint of a training: it is cut short, was written by something else, or holds more than "
        "tensors and plain values"
    )


def _told(place: Place, name: str) -> str:
    return str(place.path / name) if isinstance(place, LocalFolder) else place.uri(name)


def _by_step(place: Place, prefix: str) -> list[str]:
    names = [entry.name for entry in place.entries() if _step_of(entry.name, prefix) >= 0]
    return sorted(names, key=lambda name: _step_of(name, prefix))


def _step_of(name: str, prefix: str) -> int:
    """-1 where the name is another's."""
    match = re.fullmatch(re.escape(prefix) + r"-step-(\d+)\.pt", name)
    return int(match[1]) if match else -1
