"""A tracker by its name on a command line.

`mlflow`, `mlflow:URI`, `mlflow:URI#EXPERIMENT`, `tensorboard:FOLDER`, `wandb:PROJECT`; without a place, as without
arguments in Python.
"""

from collections.abc import Iterable
from importlib import import_module
from typing import Any

from lrtune.trainers.errors import LrtuneError
from lrtune.trainers.tracking.tracker import Tracker

NAMES = ("mlflow", "tensorboard", "wandb")


def tracker_named(text: str) -> Tracker:
    """The tracker of that name, at the place behind a colon, if there is one. Raises LrtuneError, also where it is not
    installed."""
    name, _, place = text.partition(":")
    if name not in NAMES:
        raise LrtuneError(f"{text!r} names no tracker: write mlflow:URI, tensorboard:FOLDER or wandb:PROJECT")
    try:
        module: Any = import_module(f"lrtune.trainers.integrations.trackers.{name}")
    except ImportError as error:
        raise LrtuneError(str(error)) from error
    experiment: dict[str, str] = {}
    if name == "mlflow" and "#" in place:
        place, _, experiment["experiment"] = place.rpartition("#")
    tracker: Tracker = module.Tracker(place or None, **experiment) if place or experiment else module.Tracker()
    return tracker


def trackers_named(texts: Iterable[str]) -> list[Tracker]:
    """The trackers of these names. Raises LrtuneError."""
    return [tracker_named(text) for text in texts]
