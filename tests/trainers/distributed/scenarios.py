"""What one of two ranks does, and what it saw: python scenarios.py NAME SERVER FOLDER."""

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from lrtune import Client, StudyHandle, task
from lrtune.distributed import SharedTrial, leases, run
from lrtune.trainers.distributed import group, leaving, watch
from lrtune.trainers.distributed.ranks import Ranks
from lrtune.trainers.distributed.store import open_store

NAME, SERVER, FOLDER = sys.argv[1], sys.argv[2], Path(sys.argv[3])
RANK = int(os.environ["RANK"])
SEEN: dict[str, Any] = {}
SINCE = [time.monotonic()]
"""When the ranks were together for the last time."""
LONG_SECONDS = 600

watch.BEAT_SECONDS, watch.SILENT_SECONDS, watch.GRACE_SECONDS, leaving.JOIN_SECONDS = 0.1, 4.0, 2.0, 4.0
watch.SUSPECT_SECONDS = 2.0


def open_study(name: str = NAME, **how: Any) -> StudyHandle:
    assert RANK == 0, "rank 0 alone talks to the service"
    return Client(SERVER).create_study(name, **{"max_trials": 1, "max_steps": 3, "pruner": "none", **how})


def trains() -> None:
    """All steps of two trials, the second of which the study's owner stops."""
    SEEN["trials"] = []
    for trial in leases(lambda: open_study(max_trials=4)):
        note: dict[str, Any] = {"params": trial.params, "attempt": trial.attempt, "stop": [], "steps": []}
        SEEN["trials"].append(note)
        with trial:
            for step in (1, 2, 3):
                note["stop"].append(trial.should_stop)
                if RANK == 0 and trial.number == 1 and step == 2:
                    Client(SERVER).study(NAME).update(stopped=True)
                note["steps"].append(step)
                trial.report(step, float(step + 2 * RANK), mean=step > 1)
        note["outcome"], note["curve"], note["last"] = trial.outcome, trial.curve, trial.last_step


def many_calls() -> None:
    """More messages than are kept, while the other rank lags."""
    for trial in leases(open_study):
        with trial:
            for count in range(400):
                trial.check()
                time.sleep(0.001 if RANK else 0)
                SEEN["calls"] = count + 1
            trial.report(1, 0.5)


def errors() -> None:
    """Errors of rank 0 alone; then the ranks are at different places."""
    for trial in leases(open_study):
        with trial:
            try:
                trial.report(1, 0.5, checkpoint="file:///\ud800" if RANK == 0 else None)
            except Exception as error:
                SEEN["refused"] = f"{type(error).__name__}: {error}"
            trial.report(2, 0.5)
            trial.check() if RANK else trial.should_stop
            trial.report(3, 0.5)


def fails() -> None:
    """Rank 1 raises; rank 0 is on its way to the next report."""
    for trial in leases(open_study):
        with trial:
            trial.report(1, 0.5)
            SINCE.append(time.monotonic())
            if RANK:
                raise ValueError("a bad batch")
            trial.report(2, 0.5)
            time.sleep(0.5)
            trial.report(3, 0.5)


def killed() -> None:
    """Rank 1 dies; rank 0 waits for nobody when it does."""
    for trial in leases(open_study):
        with trial:
            trial.report(1, 0.5, checkpoint="file:///one")
            SINCE.append(time.monotonic())
            if RANK:
                os.kill(os.getpid(), signal.SIGKILL)
            while True:
                time.sleep(0.05)
                trial.check()


def stuck() -> None:
    """Rank 1 dies, and rank 0 stands in a step, as in a collective that never ends."""
    for trial in leases(open_study):
        with trial:
            trial.report(1, 0.5, checkpoint="file:///one")
            if RANK:
                os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(LONG_SECONDS)


def first_killed() -> None:
    """Rank 0 dies; rank 1 waits for its verdict."""
    for trial in leases(lambda: open_study(lease_ttl_seconds=5)):
        with trial:
            trial.report(1, 0.5)
            SINCE.append(time.monotonic())
            if not RANK:
                os.kill(os.getpid(), signal.SIGKILL)
            trial.report(2, 0.5)


def lease_lost() -> None:
    """The trial is somebody else's by now."""
    for trial in leases(open_study):
        with trial:
            trial.report(1, 0.5)
            trial.on_first("give back", lambda leased: leased._calls.release(None))
            for step in (2, 3):
                SEEN["tried"] = step
                trial.report(step, 0.5)
        SEEN["outcome"] = trial.outcome
        break


def absent() -> None:
    """Rank 1 is there, and makes no call."""
    group.START_SECONDS = 1.0
    if RANK:
        open_store(Ranks(1, 2)).set("other", b"")
        time.sleep(3.0)
    else:
        next(iter(leases(open_study)))


def runs() -> None:
    """Rank 1 is told to end; `run` ends all of them, after the same report."""

    @task(resumable=True)
    def train(trial: SharedTrial) -> None:
        for step in range(1, 1000):
            if RANK and step == 3:
                os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.1)
            SEEN["steps"] = step
            trial.report(step, 0.5, checkpoint=f"file:///{step}")

    run(lambda: open_study(max_steps=1000), train)


try:
    globals()[NAME]()
except BaseException as error:
    SEEN["error"] = f"{type(error).__name__}: {error}"
SEEN["seconds"] = time.monotonic() - SINCE[-1]
(FOLDER / f"{NAME}-{RANK}.json").write_text(json.dumps(SEEN))
