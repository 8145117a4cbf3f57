import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import nullcontext

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


def test_where_notice_is_heeded_a_signal_waits_for_the_training_to_leave() -> None:
    with Signals(grace_seconds=60) as signals, signals.interrupting(), signals.notice.heeded():
        os.kill(os.getpid(), signal.SIGTERM)
        assert signals.stopping.wait(5)
        assert signals.notice.given
        with pytest.raises(Shutdown) as left:
            signals.notice.leave()
    assert left.value.signal_number == signal.SIGTERM
    assert not [one for one in threading.enumerate() if isinstance(one, threading.Timer)]


def told(*numbers: signal.Signals, grace_seconds: float, heeded: bool = True) -> signal.Signals:
    """Sends itself these, one after the other, and waits; which one it is said to be ended by."""
    with Signals(grace_seconds) as signals:
        try:
            with signals.interrupting(), signals.notice.heeded() if heeded else nullcontext():
                for number in numbers:
                    os.kill(os.getpid(), number)
                    assert signals.stopping.wait(5)
                time.sleep(60)
        except Shutdown as ended:
            return signal.Signals(ended.signal_number)
    pytest.fail("nothing ended it")


def test_after_the_grace_a_training_is_broken_off_within_a_call_of_the_system_too() -> None:
    assert told(signal.SIGTERM, grace_seconds=0.2) == signal.SIGTERM


@pytest.mark.parametrize("heeded", [True, False])
def test_ctrl_c_is_not_waited_for(heeded: bool) -> None:
    assert told(signal.SIGINT, grace_seconds=60, heeded=heeded) == signal.SIGINT


def test_sigterm_after_slurms_notice_ends_the_grace_and_not_the_process() -> None:
    assert told(signal.SIGUSR1, signal.SIGTERM, grace_seconds=60) == signal.SIGTERM


def test_a_handler_of_the_scripts_own_for_sigusr1_stays() -> None:
    before = signal.signal(signal.SIGUSR1, own := lambda *_: None)
    try:
        with Signals():
            assert signal.getsignal(signal.SIGUSR1) is own
    finally:
        signal.signal(signal.SIGUSR1, before)
