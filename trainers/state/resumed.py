"""What a leased trial goes on from: its checkpoint, or one before it where that cannot be used."""

import logging
from collections.abc import Iterator
from typing import Any

from lrtune.trainers.client.leased_trial import LeasedTrial
from lrtune.trainers.distributed.shared_trial import SharedTrial
from lrtune.trainers.errors import TrainingError
from lrtune.trainers.state import checkpoints
from lrtune.trainers.state.places.addresses import RemoteAddress, read_address, shown
from lrtune.trainers.state.places.place import Place
from lrtune.trainers.state.trial_files import before

logger = logging.getLogger(__name__)


def resumed_state(
    trial: LeasedTrial | SharedTrial, place: Place | None, *, count: str | None = None, remedy: str = ""
) -> dict[str, Any] | None:
    """The state in `trial.resume`, or in the trial's newest checkpoint before it that is whole.

    None, and a warning, which ends with `remedy`, where it has to begin anew. What does not lie in `place` is not read,
    since the URI may come from any worker; without one, what is no path of this machine. `count`: where a state says
    how many steps are trained, which have to be those of the checkpoint.
    """
    if trial.resume is None:
        return None
    try:
        if place is None and isinstance(read_address(trial.resume.uri), RemoteAddress):
            raise TrainingError(f"{shown(trial.resume.uri)} is in no place that was given: name it as checkpoints")
        state = checkpoints.load(trial.resume.uri, within=place)
        if count is not None and state.get(count) != trial.resume.step:
            raise TrainingError(f"it is of {count} {state.get(count)}, not {trial.resume.step}")
        return state
    except TrainingError as error:
        for name, earlier in _earlier(trial, place):
            if count is None or earlier.get(count, trial.resume.step) < trial.resume.step:
                logger.warning("trial %d goes on from %s, the checkpoint before: %s", trial.number, name, error)
                return earlier
        begins_anew(trial, error, remedy)
    return None


def resumed_name(trial: LeasedTrial, place: Place) -> str | None:
    """As `resumed_state`, for who reads the file himself: its name in `place`."""
    if trial.resume is None:
        return None
    try:
        name = place.name_of(trial.resume.uri)
    except TrainingError as error:
        begins_anew(trial, error)
        return None
    if checkpoints.is_whole(place, name):
        return name
    for earlier in before(place, name):
        if checkpoints.is_whole(place, earlier):
            logger.warning(
                "trial %d goes on from %s, the checkpoint before: %s is not whole", trial.number, earlier, name
            )
            return earlier
    begins_anew(trial, TrainingError(f"there is no checkpoint {place.uri(name)} that is whole"))
    return None


def begins_anew(trial: LeasedTrial | SharedTrial, error: Exception, remedy: str = "") -> None:
    """Says so."""
    why = " ".join(str(error).split())
    logger.warning("trial %d is trained from the start: %s%s", trial.number, why, remedy)


def _earlier(trial: LeasedTrial | SharedTrial, place: Place | None) -> Iterator[tuple[str, dict[str, Any]]]:
    assert trial.resume is not None
    if place is None:
        return
    try:
        names = before(place, place.name_of(trial.resume.uri))
    except TrainingError:
        return
    for name in names:
        try:
            yield name, checkpoints.load(place.uri(name), within=place)
        except TrainingError as error:
            logger.info("trial %d: %s", trial.number, error)
