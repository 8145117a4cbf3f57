"""One worker of the load that faults are tried under: `python -m tests.benchmarks.faults.load FOLDER NAME`.

It trains nothing: it asks, reports and finishes through the SDK, as any training script would, and notes in its
journal what the service acknowledged, after the acknowledgement. What to do stands in the folder's `round` file.
"""

import json
import logging
import random
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from lrtune.trainers.client.client import Client
from lrtune.trainers.client.leased_trial import LeasedTrial
from lrtune.trainers.errors import LrtuneError
from lrtune.trainers.worker.parent_watch import end_with_owner

ROUND_FILE = "round"
_LOOK_EVERY_SECONDS = 0.02
_RETRY_SECONDS = 240.0

Note = Callable[..., None]


def main() -> None:
    """Work off one round after the other, until the round file says `null`."""
    folder, name = Path(sys.argv[1]), sys.argv[2]
    end_with_owner()
    retries = _Retries()
    logging.getLogger("lrtune.trainers.client.http.retry").addHandler(retries)
    with (folder / f"{name}.jsonl").open("a", buffering=1) as journal:

        def note(kind: str, **what: Any) -> None:
            journal.write(json.dumps({"kind": kind, "at": time.time(), "worker": name, **what}) + "\n")

        for task in _tasks(folder):
            study = task["study"]
            try:
                with Client(task["server"], retry_seconds=_RETRY_SECONDS) as client:
                    _work(client, name, task, note)
            except LrtuneError as error:
                note("error", study=study, text=f"{type(error).__name__}: {error}")
            note("done", study=study, retries=retries.take())


def _tasks(folder: Path) -> Iterator[dict[str, Any]]:
    last = None
    while True:
        task = json.loads((folder / ROUND_FILE).read_text())
        if task is None:
            return
        if task["study"] != last:
            last = task["study"]
            yield task
        time.sleep(_LOOK_EVERY_SECONDS)


def _work(client: Client, name: str, task: dict[str, Any], note: Note) -> None:
    study = client.create_study(
        task["study"],
        if_exists="load",
        max_trials=task["trials"],
        failed_counts=True,
        max_steps=task["steps"],
        sampler="random",
        pruner="none",
        lease_ttl_seconds=task["lease_ttl_seconds"],
    )
    for trial in study.trials(name):
        final = random.random()
        with trial:
            _train(trial, task, note)
            trial.complete(final)
        known = {"study": study.name, "number": trial.number, "attempt": trial.attempt}
        if trial.outcome is not None and trial.outcome.startswith("complete"):
            note("result", **known, value=final)
        else:
            note("error", **known, text=f"trial {trial.number} ended as {trial.outcome!r}")


def _train(trial: LeasedTrial, task: dict[str, Any], note: Note) -> None:
    for step in range(1, task["steps"] + 1):
        time.sleep(task["step_seconds"] * (0.5 + random.random()))
        value = random.random()  # Known to this worker alone: a row that has it is the row of this report.
        trial.report(step, value)
        note("report", study=task["study"], number=trial.number, attempt=trial.attempt, step=step, value=value)


class _Retries(logging.Handler):
    """Counts what the SDK tried again."""

    def __init__(self) -> None:
        super().__init__()
        self._count = 0

    def emit(self, record: logging.LogRecord) -> None:
        self._count += 1

    def take(self) -> int:
        count, self._count = self._count, 0
        return count


if __name__ == "__main__":
    main()
