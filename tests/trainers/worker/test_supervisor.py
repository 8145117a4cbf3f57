import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from lrtune.trainers.worker.supervisor import MOST_RESTARTS, Supervisor


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_workers_that_are_done_end_the_wait() -> None:
    with Supervisor(python("pass"), 2) as supervisor:
        assert supervisor.wait(threading.Event()) == 0


def test_the_exit_code_of_a_worker_that_gave_up_is_passed_on() -> None:
    with Supervisor(python("exit(1)"), 2) as supervisor:
        assert supervisor.wait(threading.Event()) == 1


def test_no_worker_is_left_behind() -> None:
    with Supervisor(python("import time; time.sleep(60)"), 3) as supervisor:
        pids = supervisor.pids
    assert len(pids) == 3
    assert all(gone(pid) for pid in pids)


def test_a_worker_that_does_not_end_in_time_is_killed(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    code = (
        "import signal, pathlib; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        f"pathlib.Path({str(ready)!r}).touch(); signal.pause()"
    )
    with Supervisor(python(code), 1, grace_seconds=0.2) as supervisor:
        (pid,) = supervisor.pids
        until(ready.exists)
    assert gone(pid)


def test_a_killed_worker_is_replaced(caplog: pytest.LogCaptureFixture) -> None:
    with Supervisor(python("import time; time.sleep(60)"), 2) as supervisor:
        first, second = supervisor.pids
        os.kill(first, signal.SIGKILL)
        until(lambda: supervisor.look() and first not in supervisor.pids and len(supervisor.pids) == 2)
        assert second in supervisor.pids
    assert "was killed by SIGKILL; started" in caplog.text


def test_a_worker_that_is_killed_again_and_again_is_given_up(caplog: pytest.LogCaptureFixture) -> None:
    with Supervisor(python("import os; os.kill(os.getpid(), 9)"), 1) as supervisor:
        assert supervisor.wait(threading.Event()) == 1
    assert caplog.text.count("in its place") == MOST_RESTARTS
    assert "is not restarted again" in caplog.text


def test_workers_are_out_of_reach_of_the_terminals_interrupt() -> None:
    with Supervisor(python("import time; time.sleep(60)"), 1) as supervisor:
        (pid,) = supervisor.pids
        assert os.getpgid(pid) != os.getpgid(0)


def until(holds: Callable[[], bool], seconds: float = 20.0) -> None:
    """Waits for what another process does."""
    for _ in range(int(seconds / 0.02)):
        if holds():
            return
        threading.Event().wait(0.02)
    pytest.fail("it did not happen")
