"""Names and values, fitted to what a tracker takes."""

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from lrtune.trainers.tracking.tracker import TrackedTrial


def fitted(names: Iterable[str], fit: Callable[[str], str]) -> dict[str, str]:
    """Each name as `fit` makes it; two that would be one are told apart."""
    chosen: dict[str, str] = {}
    for name in names:
        plain = unique = fit(name)
        count = 1
        while unique in chosen.values():
            count += 1
            unique = f"{plain}_{count}"
        chosen[name] = unique
    return chosen


def fitted_name(name: str, refused: "re.Pattern[str]", most: int) -> str:
    """One name, with `_` for what is refused, and no longer than that."""
    return refused.sub("_", name)[:most].strip() or "_"


def run_name(trial: TrackedTrial) -> str:
    """`trial 7`."""
    return f"trial {trial.number}"


def tags_of(trial: TrackedTrial) -> dict[str, str]:
    """What a trial's run is tagged with, beside the tags of its study."""
    tags = {"lrtune.study": trial.study.name, "lrtune.trial": str(trial.number), "lrtune.attempt": str(trial.attempt)}
    if trial.worker is not None:
        tags["lrtune.worker"] = trial.worker
    if trial.max_steps is not None:
        tags["lrtune.max_steps"] = str(trial.max_steps)
    return tags


def seconds(time: datetime | None) -> float | None:
    """Since the epoch."""
    if time is None:
        return None
    return (time if time.tzinfo is not None else time.replace(tzinfo=UTC)).timestamp()
