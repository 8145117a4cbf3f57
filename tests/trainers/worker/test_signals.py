import os
import signal
import subprocess
import sys

import pytest

from lrtune.trainers.worker.signals import ECHO_SECONDS, Shutdown, Signals

TOLD_TWICE = """
import os, signal, sys, time
from lrtune.trainers.worker import signals
from lrtune.trainers.worker.signals import Signals, Shutdown
signals.ECHO_SECONDS = float(sys.argv[2])
with Signals() as caught:
    try:
        with caught.interrupting():
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(30)
    except Shutdown:
        os.kill(os.getpid(), int(sys.argv[1]))
        print("given back", flush=True)
"""


def told_twice(second: signal.Signals, echo_seconds: float) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", TOLD_TWICE, str(int(second)), str(echo_seconds)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env={**os.environ, "PYTHONPATH": "."})


def test_a_sigterm_that_comes_twice_at_once_is_one() -> None:
    ended = told_twice(signal.SIGTERM, ECHO_SECONDS * 30)
    assert (ended.returncode, ended.stdout) == (0, "given back\n")


@pytest.mark.parametrize(("second", "echo_seconds"), [(signal.SIGTERM, 0.0), (signal.SIGINT, 30.0)])
def test_a_second_signal_that_is_no_echo_ends_the_process_at_once(second: signal.Signals, echo_seconds: float) -> None:
    ended = told_twice(second, echo_seconds)
    assert (ended.returncode, ended.stdout) == (128 + second, "")


def test_a_signal_that_came_before_is_raised_where_it_may_break_in() -> None:
    with Signals() as signals:
        os.kill(os.getpid(), signal.SIGTERM)
        assert signals.stopping.wait(5)
        with pytest.raises(Shutdown), signals.interrupting():
            pytest.fail("the block was entered")
