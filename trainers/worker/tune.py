"""A search in one call, in one process: `lrtune.tune(train)`."""

import math
import re
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from os import PathLike, fspath
from typing import Any, Literal, Self
from uuid import uuid4

from lrtune.service.sentences.progress import params_text
from lrtune.service.sentences.suggestion import line, line_without_rate
from lrtune.service.sentences.words import between, rate
from lrtune.service.wire.learning_rates import main_learning_rate
from lrtune.service.wire.studies import Suggestion
from lrtune.service.wire.trials import Trial
from lrtune.trainers.client.client import Client
from lrtune.trainers.client.leased_trial import LeasedTrial
from lrtune.trainers.client.local.connection import is_local
from lrtune.trainers.client.study import StudyHandle
from lrtune.trainers.errors import LrtuneError, NotFound, TaskKeepsFailing
from lrtune.trainers.progress.trials import on_stderr, say_on_stderr
from lrtune.trainers.tracking.tracker import Tracker
from lrtune.trainers.worker.loop import run

USUAL_TRIALS = 20

_tuning = threading.local()
"""`.names`: the studies that this thread is at, by server, the outermost first."""


@dataclass(frozen=True)
class TuneResult:
    """What a search found. It may be used as a context manager, or closed: a study in a file is held by this process,
    and kept from others, until then, or until nothing refers to `study` any more."""

    study: StudyHandle
    suggestion: Suggestion
    """What to train with: `.learning_rate`, `.interval`, `.params`, `.explanation`."""
    best_trial: Trial | None
    """The complete trial with the best value; None where none is complete."""
    close: Callable[[], object]
    """Gives the file, or the connection, back. `study` is of no use afterwards; the rest is."""

    @property
    def best_params(self) -> dict[str, Any] | None:
        """Those of the best trial."""
        return None if self.best_trial is None else dict(self.best_trial.params)

    @property
    def best_value(self) -> float | None:
        """That of the best trial: a single training, whose luck is in it."""
        return None if self.best_trial is None else self.best_trial.value

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"TuneResult({self.study.name!r}: {_told(self.suggestion)})"


def tune(
    train: Callable[[LeasedTrial], Any],
    *,
    search_space: Mapping[str, Any] | None = None,
    max_trials: int = USUAL_TRIALS,
    max_steps: int | None = None,
    direction: Literal["minimize", "maximize"] = "minimize",
    metric: str = "loss",
    name: str | None = None,
    storage: str | PathLike[str] | None = None,
    server: str | None = None,
    token: str | None = None,
    timeout_seconds: float | None = None,
    progress: bool = True,
    anneals: bool | None = None,
    resumable: bool | None = None,
    trackers: Sequence[Tracker] = (),
    keep_checkpoints: bool = False,
    **spec: Any,
) -> TuneResult:
    """Trains with `train(trial)`, `max_trials` times at the most, and says what learning rate to train with.

    `train` takes what was chosen from `trial.params`, and returns the loss, or reports it step by step with
    `trial.report`, or both. Without a `search_space` that is `learning_rate`, as in `Client.create_study`, which takes
    `spec`, too: `sampler="tpe"`, say.

    No service is needed: the study is kept in lrtune.db in the working directory, or in the file `storage`, where
    `lrtune serve` shows it later; that needs the extra `lrtune[service]`, else ImportError. With `server="http://…"`
    the same search is one of that service, and every machine that runs the script with the same `name` takes part.

    Without a `name` each call is a search of its own. With one it goes on where it ended, up to `max_trials` if there
    were to be fewer. After `timeout_seconds` no trial is begun. `progress` tells of each trial on standard error, and
    of the rate at the end. `trackers` are told of each trial as it trains, as by `study.tracking`.
    Checkpoints that `fit(…, checkpoints=folder)` and callbacks write go with the end of their trial, but the best
    trial's last one (`result.best_trial.checkpoint`), unless `keep_checkpoints`.

    Raises what `lrtune.run` does: TaskKeepsFailing where the first three trainings fail, say; LrtuneError where the
    file cannot be used; ServiceError where the study cannot be as it was asked for.
    """
    _check(train, timeout_seconds, server, storage)
    where = server or _local(storage)
    with Client(where, token=token) as client:
        study = client.create_study(
            _derived_name(train) if name is None else name,
            search_space=search_space,
            if_exists="fail" if name is None else "load",
            direction=direction,
            metric=metric,
            max_trials=max_trials if name is None else _grown(client, name, max_trials),
            max_steps=max_steps,
            **spec,
        )
        with _alone(client.server, study.name), _advising(study), study.tracking(*trackers):
            run(
                study,
                train,
                anneals=anneals,
                resumable=resumable,
                own_length=True if max_steps is None else None,
                keep_checkpoints=keep_checkpoints,
                timeout_seconds=timeout_seconds,
                progress=on_stderr(study.spec.measured, main_learning_rate(study.spec.search_space))
                if progress
                else False,
            )
        # Into no variable: what a training raised, and the garbage that it may be part of, refers to this frame.
        return _found(Client(where, token=token), study.name, progress)


def _found(client: Client, name: str, progress: bool) -> TuneResult:
    """By a client and a handle that no training has seen, so that they are closed as soon as nobody needs them."""
    try:
        study = client.study(name)
        suggestion, best = study.suggestion(), study.status().best
        trial = None if best is None else client.trial(name, best.trial)
    except BaseException:
        client.close()
        raise
    if progress:
        say_on_stderr(f"study {name}: {_told(suggestion)}")
    unused = weakref.finalize(study, study._connection.release)
    unused.atexit = False  # What is still open then the engine closes itself, when all threads have ended.
    return TuneResult(study, suggestion, trial, client.close)


def _check(train: object, timeout_seconds: object, server: str | None, storage: object) -> None:
    if not callable(train):
        raise LrtuneError(f"train must be a function that takes a trial, not {type(train).__name__}: give its name")
    if timeout_seconds is not None and not (
        isinstance(timeout_seconds, int | float) and 0 < timeout_seconds <= threading.TIMEOUT_MAX
    ):
        raise LrtuneError(f"timeout_seconds must be a number of seconds > 0, or None, not {timeout_seconds!r}")
    if server is not None and storage is not None:
        raise LrtuneError("give server or storage: a service has a storage of its own")


def _local(storage: str | PathLike[str] | None) -> str:
    if storage is None:
        return "local"
    named = fspath(storage)
    return named if named.startswith("sqlite:") else f"local:{named}"


def _derived_name(train: Any) -> str:
    """`train-20261130-130500-3f2a`: each call is a search of its own."""
    called = re.sub(r"\W+", "-", getattr(train, "__name__", type(train).__name__), flags=re.ASCII).strip("-")
    return f"{called[:80] or 'tune'}-{datetime.now():%Y%m%d-%H%M%S}-{uuid4().hex[:4]}"


def _grown(client: Client, name: str, max_trials: int) -> int:
    """Makes the study of that name, if there is one, ready to go on; the trials that it has then: whoever calls again
    with a larger number wants as many."""
    try:
        study = client.study(name)
    except NotFound:
        return max_trials
    if is_local(client.server) and study.status().halted is not None:
        study.update(paused=False)  # As `lrtune study resume`: who trains alone, and calls again, has mended it.
    has = study.spec.max_trials
    if has is None or not isinstance(max_trials, int) or max_trials <= has:
        return max_trials if has is None else has
    study.update(max_trials=max_trials)
    return max_trials


@contextmanager
def _alone(server: str, name: str) -> Iterator[None]:
    """Raises LrtuneError where this thread is at the study already: the inner search would wait for a trial that is the
    outer one's, and never ends before it."""
    names: list[tuple[str, str]] = _tuning.__dict__.setdefault("names", [])
    if (server, name) in names:
        raise LrtuneError(
            f"train called tune on study {name}, the one that it is trained for: take another name, or leave it out"
        )
    names.append((server, name))
    try:
        yield
    finally:
        names.pop()


@contextmanager
def _advising(study: StudyHandle) -> Iterator[None]:
    """Says what to do where `train` counted to `trial.max_steps`, and there is none."""
    try:
        yield
    except TaskKeepsFailing as failing:
        if study.spec.max_steps is None and isinstance(failing.__cause__, TypeError):
            failing.args = (f"{failing}; if it counts to trial.max_steps, give max_steps=: without, that is None",)
        raise


def _told(suggestion: Suggestion) -> str:
    if suggestion.learning_rate is None or not math.isfinite(suggestion.learning_rate):
        return line_without_rate(params_text(suggestion.params), suggestion.trials)
    interval = None if suggestion.interval is None else between(*suggestion.interval)
    return line(rate(suggestion.learning_rate), interval, suggestion.trials)
