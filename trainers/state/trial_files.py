"""The checkpoints of trials in a folder that workers and studies may share: whose a file is stands in its name, and it
is removed once its trial has ended for good.

A file goes when the service has said that the trial is over, never before: a trial that is paused, or leased again, is
not. What a worker left that died at that moment goes when the next one comes to the folder, or when the study has
nothing left to train. Files of other names are left alone.
"""

import logging
import random
import re
import shutil
from contextlib import suppress
from functools import partial
from pathlib import Path
from uuid import uuid4

from lrtune.trainers.client.leased_trial import LeasedTrial
from lrtune.trainers.client.standing import Standing
from lrtune.trainers.errors import LrtuneError

MOST_LOOKS = 50
"""Trials about which the service is asked at one time."""

_NAME = re.compile(
    r"trial-(\d+)-([0-9a-f]{16})-[0-9a-f]{32}(?:-step-(\d+)\.(?:pt|ckpt|\d+\.partial)|/checkpoint-(\d+))"
)

logger = logging.getLogger(__name__)


class TrialFiles:
    """Names the files of one lease on `trial`, in `folder`, by what they begin with, and sees to their end: those of
    `lrtune.trainers.state.checkpoints`, Lightning's, and a folder in which Hugging Face's Trainer writes its own.

    `keep`: nothing is removed, as with `trial.keep_checkpoints`. Else the study's best trial keeps its newest file,
    if `of_best`, until another is better; all others lose theirs with their end.
    """

    def __init__(self, trial: LeasedTrial, folder: str | Path, *, keep: bool = False, of_best: bool = True) -> None:
        self.folder = Path(folder)
        standing = trial.standing
        key = "0" * 16 if standing is None else standing.key
        self.prefix = f"trial-{trial.number}-{key}-{uuid4().hex}"  # A lost lease spoils no successor's files.
        self._number, self._key, self._of_best = trial.number, key, of_best
        self._standing = standing
        if keep or trial.keep_checkpoints:
            self.prefix = f"kept-{self.prefix}"  # Nor does a worker remove them that was not told to keep its own.
            return
        trial.when_over(self._over)
        if standing is not None and str(self.folder) not in standing.at_end:
            standing.at_end[str(self.folder)] = partial(sweep, folder=self.folder, of_best=of_best)
            sweep(standing, folder=self.folder, of_best=of_best)

    def _over(self, state: str) -> None:
        """The service has taken the end of the trial."""
        try:
            standing = self._standing
            if standing and self._of_best and state == "complete" and standing.best() == self._number:
                sweep(standing, folder=self.folder, of_best=True)  # The one that was the best before.
            else:
                _remove(_files(self.folder, self._key).get(self._number, []))
        except (LrtuneError, OSError) as error:
            _not_removed(self.folder, error)


def sweep(standing: Standing, *, folder: Path, of_best: bool) -> None:
    """Removes what trials of the study that are over have left in `folder`, but the best one's newest file."""
    try:
        files = _files(folder, standing.key)  # Before the service is asked: what is over then, was not begun since.
        if not files:
            return
        best = standing.best() if of_best else None
        for number in random.sample(sorted(files), min(len(files), MOST_LOOKS)):
            if standing.is_over(number):
                _remove(files[number][:-1] if number == best else files[number])
    except (LrtuneError, OSError) as error:
        _not_removed(folder, error)


def _files(folder: Path, key: str) -> dict[int, list[Path]]:
    """The study's checkpoints by trial, those of more steps later; unfinished ones first."""
    found: dict[int, list[tuple[bool, int, float, Path]]] = {}
    for path in (*folder.glob(f"trial-*-{key}-*"), *folder.glob(f"trial-*-{key}-*/checkpoint-*")):
        match = _NAME.fullmatch(path.relative_to(folder).as_posix())
        if match is None or match[2] != key:
            continue
        try:
            written = path.stat().st_mtime
        except FileNotFoundError:
            continue
        whole = path.suffix != ".partial"
        found.setdefault(int(match[1]), []).append((whole, int(match[3] or match[4]), written, path))
    return {number: [path for *_, path in sorted(files)] for number, files in found.items()}


def _remove(checkpoints: list[Path]) -> None:
    for path in checkpoints:
        if path.is_dir():  # As Hugging Face's Trainer writes them, in a folder of the trial's.
            shutil.rmtree(path, ignore_errors=True)
            with suppress(OSError):
                path.parent.rmdir()
        else:
            path.unlink(missing_ok=True)


def _not_removed(folder: Path, error: Exception) -> None:
    logger.info("checkpoints of ended trials stay in %s until the next worker looks: %s", folder, error)
