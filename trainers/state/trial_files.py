"""The checkpoints of trials in a place that workers and studies may share: whose a file is stands in its name, and it
is removed once its trial has ended for good.

A file goes when the service has said that the trial is over, never before: a trial that is paused, or leased again, is
not. What a worker left that died at that moment goes when the next one comes to the folder, or when the study has
nothing left to train. Files of other names are left alone.
"""

import logging
import random
import re
from functools import partial
from pathlib import Path
from uuid import uuid4

from lrtune.trainers.client.leased_trial import LeasedTrial
from lrtune.trainers.client.standing import Standing
from lrtune.trainers.errors import LrtuneError
from lrtune.trainers.state.places.opened import place_of
from lrtune.trainers.state.places.place import Place

MOST_LOOKS = 50
"""Trials about which the service is asked at one time."""

KEPT = "kept-"
"""What names begin with of which nothing is removed."""

_NAME = re.compile(
    r"trial-(\d+)-([0-9a-f]{16})-[0-9a-f]{32}(?:-step-(\d+)\.(?:pt|ckpt|\d+\.partial)|/checkpoint-(\d+))"
)

logger = logging.getLogger(__name__)


class TrialFiles:
    """Names the files of one lease on `trial`, in `folder`, a path or a URI, by what they begin with, and sees to their
    end: those of `lrtune.trainers.state.checkpoints`, Lightning's, and a folder in which Hugging Face's Trainer writes
    its own.

    `keep`: nothing is removed, as with `trial.keep_checkpoints`. Else the study's best trial keeps its newest file,
    if `of_best`, until another is better; all others lose theirs with their end.
    """

    def __init__(
        self, trial: LeasedTrial, folder: str | Path | Place, *, keep: bool = False, of_best: bool = True
    ) -> None:
        self.place = place = place_of(folder)
        standing = trial.standing
        key = "0" * 16 if standing is None else standing.key
        self.prefix = f"trial-{trial.number}-{key}-{uuid4().hex}"  # A lost lease spoils no successor's files.
        self._number, self._key, self._of_best = trial.number, key, of_best
        self._standing = standing
        if keep or trial.keep_checkpoints:
            self.prefix = f"{KEPT}{self.prefix}"  # Nor does a worker remove them that was not told to keep its own.
            return
        trial.when_over(self._over)
        if standing is not None and str(place) not in standing.at_end:
            standing.at_end[str(place)] = partial(sweep, folder=place, of_best=of_best)
            sweep(standing, folder=place, of_best=of_best)

    def _over(self, state: str) -> None:
        """The service has taken the end of the trial."""
        try:
            standing = self._standing
            if standing and self._of_best and state == "complete" and standing.best() == self._number:
                sweep(standing, folder=self.place, of_best=True)  # The one that was the best before.
            else:
                _remove(self.place, _files(self.place, self._key).get(self._number, []))
        except (LrtuneError, OSError) as error:
            _not_removed(self.place, error)


def sweep(standing: Standing, *, folder: str | Path | Place, of_best: bool) -> None:
    """Removes what trials of the study that are over have left in `folder`, but the best one's newest file."""
    place = place_of(folder)
    try:
        files = _files(place, standing.key)  # Before the service is asked: what is over then, was not begun since.
        if not files:
            return
        best = standing.best() if of_best else None
        for number in random.sample(sorted(files), min(len(files), MOST_LOOKS)):
            if standing.is_over(number):
                _remove(place, files[number][:-1] if number == best else files[number])
    except (LrtuneError, OSError) as error:
        _not_removed(place, error)


def step_of(name: str) -> int | None:
    """The steps of a checkpoint of a trial; None where the name is another's."""
    match = _NAME.fullmatch(name.removeprefix(KEPT))
    return int(match[3]) if match is not None and match[3] is not None else None


def before(place: Place, name: str) -> list[str]:
    """The trial's checkpoints of fewer steps than `name` has, of any of its attempts, the newest first."""
    this = _NAME.fullmatch(name.removeprefix(KEPT))
    if this is None or this[3] is None:
        return []
    found: list[tuple[int, float, str]] = []
    for entry in place.entries(f"*trial-{this[1]}-{this[2]}-*"):
        match = _NAME.fullmatch(entry.name.removeprefix(KEPT))
        if match is not None and match[3] and match[1] == this[1] and int(match[3]) < int(this[3]):
            found.append((int(match[3]), entry.written, entry.name))
    return [found_name for *_, found_name in sorted(found, reverse=True)]


def _files(place: Place, key: str) -> dict[int, list[str]]:
    """The study's checkpoints by trial, those of more steps later; unfinished ones first."""
    found: dict[int, list[tuple[bool, int, float, str]]] = {}
    for entry in place.entries(f"trial-*-{key}-*"):
        match = _NAME.fullmatch(entry.name)
        if match is not None and match[2] == key:
            whole = not entry.name.endswith(".partial")
            rank = (whole, int(match[3] or match[4]), entry.written, entry.name)
            found.setdefault(int(match[1]), []).append(rank)
    return {number: [name for *_, name in sorted(files)] for number, files in found.items()}


def _remove(place: Place, names: list[str]) -> None:
    for name in names:
        place.remove(name)


def _not_removed(place: Place, error: Exception) -> None:
    logger.info("checkpoints of ended trials stay in %s until the next worker looks: %s", place, error)
