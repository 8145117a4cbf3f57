"""A worker of stock Optuna, a process of its own: the storage in-process, or a gRPC proxy in front of it."""

import os
import time
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import optuna
from optuna.exceptions import StorageInternalError
from optuna.storages import BaseStorage, GrpcStorageProxy, RDBStorage
from sqlalchemy.exc import SQLAlchemyError

from tests.benchmarks.filling import HIGH, LOW, PARAMETER, STEPS
from tests.benchmarks.processes import resident_bytes
from tests.benchmarks.storage.json_lines import answer_lines
from tests.benchmarks.storage.requests import LOSS

_SAMPLERS: dict[str, Callable[[], optuna.samplers.BaseSampler]] = {
    "random": optuna.samplers.RandomSampler,
    "tpe": optuna.samplers.TPESampler,
}
_PRUNERS: dict[str, Callable[[], optuna.pruners.BasePruner]] = {
    "auto": partial(optuna.pruners.PercentilePruner, 75.0, n_startup_trials=4),
    "median": optuna.pruners.MedianPruner,
    "none": optuna.pruners.NopPruner,
}
"""The same rules as the service's, by the same names; for `auto`, which is our own, the stock rule next to it."""

_WORK_REPORTS = 5
_READY_SECONDS = 60
_REFUSALS = (StorageInternalError, SQLAlchemyError)
"""What a busy database makes of a call. A script would stop there; the measurement goes on and counts it."""


class Worker:
    """One study, opened once; then measured on, round by round."""

    _study: optuna.Study

    def open(self, storage: str, study: str, pruner: str = "auto", sampler: str = "random") -> dict[str, float]:
        """Open the study and read its trials once, off the clock. `storage` is a URL or `grpc:PORT`."""
        kind, _, port = storage.partition(":")
        if kind == "grpc":
            proxy = GrpcStorageProxy(host="127.0.0.1", port=int(port))
            proxy.wait_server_ready(timeout=_READY_SECONDS)
            opened: BaseStorage = proxy
        else:
            opened = RDBStorage(storage)
        self._study = optuna.load_study(
            storage=opened, study_name=study, sampler=_SAMPLERS[sampler](), pruner=_PRUNERS[pruner]()
        )
        return {"trials": len(self._study.get_trials(deepcopy=False))}

    def use(self, sampler: str) -> dict[str, float]:
        """Go on with another sampler."""
        self._study.sampler = _SAMPLERS[sampler]()
        return {}

    def lease(self, trials: int) -> dict[str, float]:
        """Ask for the trials that `reports` reports on, off the clock."""
        self._leased = [self._ask() for _ in range(trials)]
        return {}

    def reports(self, seconds: float) -> dict[str, float]:
        """Reports a second, each with its verdict: the 10 steps of each trial, until the time is over."""
        began = time.perf_counter()
        done = failed = 0
        for trial, step in ((trial, step) for trial in self._leased for step in range(1, STEPS + 1)):
            try:
                self._report(trial, step)
                done += 1
            except _REFUSALS:
                failed += 1
            if time.perf_counter() - began > seconds:
                break
        return {"rate": done / (time.perf_counter() - began), "failed": failed}

    def finish(self) -> dict[str, float]:
        """Tell the trials that were reported on, off the clock."""
        for trial in self._leased:
            self._study.tell(trial, LOSS)
        return {}

    def work(self, seconds: float) -> dict[str, float]:
        """Trainings a second: ask, 5 reports, tell, each whole."""
        began = time.perf_counter()
        done = failed = 0
        while done + failed == 0 or time.perf_counter() - began < seconds:
            try:
                self._train()
                done += 1
            except _REFUSALS:
                failed += 1
        return {"rate": done / (time.perf_counter() - began), "failed": failed}

    def _train(self) -> None:
        trial = self._ask()
        for step in range(1, _WORK_REPORTS + 1):
            self._report(trial, step)
        self._study.tell(trial, LOSS)

    def _ask(self) -> optuna.Trial:
        trial = self._study.ask()
        trial.suggest_float(PARAMETER, LOW, HIGH, log=True)
        return trial

    def _report(self, trial: optuna.Trial, step: int) -> None:
        trial.report(LOSS, step)
        if trial.should_prune():
            raise RuntimeError(f"trial {trial.number} was to be pruned at step {step}")


def load(storage: str, study: str) -> dict[str, float]:
    """Seconds that `get_all_trials` of the storage takes, and the bytes that the trials then occupy."""
    opened = RDBStorage(storage)
    study_id = opened.get_study_id_from_name(study)
    before = resident_bytes(os.getpid())
    began = time.perf_counter()
    trials = opened.get_all_trials(study_id)
    seconds = time.perf_counter() - began
    return {"seconds": seconds, "bytes": (resident_bytes(os.getpid()) - before) / len(trials)}


def tasks() -> dict[str, Callable[..., Any]]:
    """What it answers to."""
    worker = Worker()
    own = (worker.open, worker.use, worker.lease, worker.reports, worker.finish, worker.work)
    return {**{task.__name__: task for task in own}, "load": load}


if __name__ == "__main__":
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    answer_lines(tasks())
