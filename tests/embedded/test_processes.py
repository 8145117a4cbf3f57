"""An engine inside a process, and other processes: forked ones, new ones, and the end of its own."""

import os
import pickle
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from lrtune import Client, LrtuneError
from tests.end_to_end.conftest import environ


def test_a_client_cannot_be_pickled(client: Client) -> None:
    with pytest.raises(LrtuneError, match="cannot be sent to another process, for its engine runs in this one"):
        pickle.dumps(client)


def in_child(client: Client, file: Path) -> str:
    """What a forked child is told: by the client that it inherited, by one of its own, and by closing both."""
    told: list[str] = []
    for what in (lambda: client.status("s"), lambda: Client(f"local:{file}"), client.close):
        try:
            told.append(repr(what()))
        except LrtuneError as error:
            told.append(str(error))
    return "\n".join(told)


def test_a_forked_child_is_told_where_the_engine_is_and_leaves_it_alone(client: Client, file: Path) -> None:
    client.create_study("s", max_trials=1)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, in_child(client, file).encode())
        os._exit(0)
    os.close(writing)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    with os.fdopen(reading) as told:
        inherited, own, closed = told.read().splitlines()
    assert "runs in the process that this one was forked from: report there" in inherited
    assert "another process serves" in own
    assert closed == "None"
    assert client.status("s").state == "running"


def run(code: str, file: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", textwrap.dedent(code), f"local:{file}"]
    return subprocess.run(command, env=environ(), capture_output=True, text=True, timeout=60, check=False)


KILLED = """
    import os, signal, sys
    from lrtune import Client

    study = Client(sys.argv[1]).create_study("s", max_trials=1, max_steps=9)
    for trial in study.leases():
        with trial:
            trial.report(1, 0.5)
            trial.report(2, 0.25)
            os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_was_reported_is_on_disk_though_the_process_is_killed(file: Path) -> None:
    assert run(KILLED, file).returncode == -signal.SIGKILL
    with Client(f"local:{file}") as client:
        assert [(point.step, point.value) for point in client.trial("s", 0).curve] == [(1, 0.5), (2, 0.25)]


LEFT_OPEN = """
    import sys, threading, time
    from lrtune import Client

    client = Client(sys.argv[1])
    study = client.create_study("s", max_trials=1)

    def train():  # Goes on when the main thread has ended.
        time.sleep(0.3)
        for trial in study.leases():
            with trial:
                trial.report(1, 0.5)

    threading.Thread(target=train).start()
"""


def test_a_script_that_closes_nothing_ends_in_good_order_after_its_threads(file: Path) -> None:
    ran = run(LEFT_OPEN, file)
    assert (ran.returncode, ran.stdout) == (0, "")
    assert "Error" not in ran.stderr
    with Client(f"local:{file}") as client:
        assert client.status("s").state == "finished"
    assert not Path(f"{file}-wal").exists()
