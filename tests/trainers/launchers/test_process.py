import io
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence

import pytest

from lrtune.trainers.launchers import process
from lrtune.trainers.launchers.engine import Fault
from lrtune.trainers.launchers.process import WorkerProcess
from tests.support.processes import gone, until

Started = Callable[..., tuple[WorkerProcess, io.StringIO]]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[Started]:
    """Starts what acts as a worker; what it writes to standard error comes with it."""
    monkeypatch.setattr(process, "COMMAND_MODULE", "tests.trainers.launchers.acting_worker")
    workers: list[WorkerProcess] = []

    def start(
        *arguments: str, deaf_to: Sequence[signal.Signals] = (), **environment: str
    ) -> tuple[WorkerProcess, io.StringIO]:
        err = io.StringIO()
        workers.append(WorkerProcess(arguments, environment, "f-3", err=err, deaf_to=deaf_to))
        return workers[-1], err

    yield start
    for worker in workers:
        worker.process.kill()
        worker.process.wait()
        worker.close()


def test_the_last_line_that_a_worker_wrote_is_why_it_failed_and_all_is_passed_on(started: Started) -> None:
    worker, err = started("says", "Traceback", "lrtune: the task failed 3 times in a row", "")
    assert worker.fault() == Fault("the task failed 3 times in a row")
    assert err.getvalue() == "Traceback\nlrtune: the task failed 3 times in a row\n\n"


def test_a_worker_that_failed_without_a_word_is_told_by_its_exit_code(started: Started) -> None:
    worker, _ = started("says")
    assert worker.fault() == Fault("it ended with exit code 1, and said nothing")


def test_a_worker_that_a_signal_killed_is_told_by_the_signal(started: Started) -> None:
    assert started("dies")[0].fault() == Fault("it was killed by SIGKILL")


def test_a_worker_that_ended_in_good_order_has_no_fault(started: Started) -> None:
    assert started("nothing")[0].fault() is None


def test_a_worker_is_told_to_end_once_however_often_it_is_said(started: Started) -> None:
    worker, err = started("counts")
    until(lambda: "ready" in err.getvalue())
    worker.terminate()
    time.sleep(0.1)
    worker.end(10)
    assert worker.fault() == Fault("told 1 times")


def test_a_worker_that_does_not_end_in_time_is_killed(started: Started) -> None:
    worker, err = started("stays")
    until(lambda: "ready" in err.getvalue())
    worker.end(0.1)
    assert worker.fault() == Fault("it was killed by SIGKILL")
    assert gone(worker.process.pid)


def test_a_worker_does_not_hear_what_it_is_deaf_to_and_its_owner_does(started: Started) -> None:
    heard = []
    before = signal.signal(signal.SIGUSR2, lambda *_: heard.append(1))
    try:
        worker, err = started("counts", deaf_to=[signal.SIGUSR2])
        until(lambda: "ready" in err.getvalue())
        os.kill(worker.process.pid, signal.SIGUSR2)
        os.kill(os.getpid(), signal.SIGUSR2)
        until(lambda: bool(heard))
    finally:
        signal.signal(signal.SIGUSR2, before)
    worker.terminate()
    assert worker.fault() == Fault("told 1 times")


def test_a_worker_finds_what_the_launch_says_and_no_token_but_that(
    started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LRTUNE_TOKEN", "of somebody")
    monkeypatch.setenv("LRTUNE_CONCURRENCY", "7")
    names = ("LRTUNE_WORKER", "LRTUNE_TOKEN", "LRTUNE_TOKEN_FILE", "LRTUNE_CONCURRENCY")
    worker, _ = started("variables", *names, LRTUNE_TOKEN_FILE="/a")
    told = "LRTUNE_WORKER=f-3 LRTUNE_TOKEN=None LRTUNE_TOKEN_FILE=/a LRTUNE_CONCURRENCY=None"
    assert worker.fault() == Fault(told)
