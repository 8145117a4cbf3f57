"""Trials that every tracker is shown."""

from datetime import UTC, datetime, timedelta
from typing import Any

from lrtune.service.wire.studies import Suggestion
from lrtune.trainers.tracking.runs import Runs
from lrtune.trainers.tracking.tracker import Ending, Point, TrackedStudy, TrackedTrial, Tracker

BEGAN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SUGGESTION = Suggestion(
    learning_rate=0.0031,
    interval=(0.001, 0.01),
    max_stable_learning_rate=None,
    params={"learning_rate": 0.0031},
    expected_value=0.1,
    basis="posterior",
    trials=7,
    explanation="the best of 7 trials lies between 0.001 and 0.01",
)


def trial(number: int = 0, *, study: str = "s", metric: str = "val_loss", **more: Any) -> TrackedTrial:
    made = TrackedStudy(study, more.pop("created_at", BEGAN), metric, {"family": "cnn"})
    params = more.pop("params", {"learning_rate": 0.0031, "optimizer": "adamw", "layers": 3})
    return TrackedTrial(made, number, more.pop("attempt", 1), params, "host:1", 5, BEGAN)


def points(values: dict[int, float]) -> list[Point]:
    """A second apart."""
    return [Point(step, value, (BEGAN + timedelta(seconds=step)).timestamp()) for step, value in values.items()]


def write(
    tracker: Tracker,
    of: TrackedTrial,
    values: dict[int, float],
    *endings: Ending | None,
    resumed_at: int | None = None,
) -> None:
    """One process's part of a trial."""
    runs = Runs(tracker)
    runs.begin(of, resumed_at)
    runs.add(of, points(values))
    for ending in endings:
        runs.end(of, ending)
    runs.close()
