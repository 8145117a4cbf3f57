import contextlib
import os
import pty
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from tests.cli.conftest import Lrtune
from tests.fake_service import FakeService

TRAINS = "def train(trial):\n    trial.report(1, 0.5)\n    return 0.25\n"
WAITS = "import time\ndef train(trial):\n    trial.report(1, 0.5, checkpoint='file:///a')\n    time.sleep(60)\n"
FAILS = "def train(trial):\n    raise ValueError('no GPU')\n"


@pytest.fixture
def script(tmp_path: Path) -> Path:
    return tmp_path / "script_of_a_user.py"


def start(script: Path, *arguments: str) -> "subprocess.Popen[str]":
    command = [
        sys.executable,
        "-m",
        "lrtune.service.cli.main",
        "worker",
        "--study",
        "s",
        "--task",
        f"{script}:train",
    ]
    return subprocess.Popen([*command, *arguments], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def until(holds: Callable[[], bool], seconds: float = 30.0) -> None:
    """Waits for what another process does."""
    for _ in range(int(seconds / 0.02)):
        if holds():
            return
        threading.Event().wait(0.02)
    pytest.fail("it did not happen")


def test_a_worker_trains_until_the_budget_is_spent(service: FakeService, address: str, script: Path) -> None:
    script.write_text(TRAINS)
    worker = start(script)
    _, log = worker.communicate(timeout=30)
    assert worker.returncode == 0, log
    assert [body["value"] for body in service.bodies("/result")] == [0.25, 0.25]
    assert "trial 1: complete, 0.25" in log
    assert "nothing left to train; 2 trials trained here" in log


@pytest.mark.parametrize(
    ("options", "variable", "kept"),
    [([], "", "False"), (["--keep-checkpoints"], "", "True"), ([], "1", "True")],
)
def test_trials_are_told_whether_their_checkpoints_are_kept(
    service: FakeService,
    address: str,
    script: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    variable: str,
    kept: str,
) -> None:
    monkeypatch.setenv("LRTUNE_KEEP_CHECKPOINTS", variable)
    script.write_text("def train(trial):\n    print('kept', trial.keep_checkpoints)\n    return 0.25\n")
    worker = start(script, *options)
    out, log = worker.communicate(timeout=60)
    assert worker.returncode == 0, log
    assert out.splitlines() == [f"kept {kept}"] * 2


def test_two_workers_share_the_trials_and_the_supervisor_ends_with_them(
    service: FakeService, address: str, script: Path
) -> None:
    service.max_trials = 6
    script.write_text(TRAINS + "import time; time.sleep(0.2)\n")
    worker = start(script, "--concurrency", "2")
    _, log = worker.communicate(timeout=30)
    assert worker.returncode == 0, log
    assert len(service.bodies("/result")) == 6


@pytest.mark.parametrize("concurrency", ["1", "2"])
def test_sigterm_gives_the_trials_back_and_exits_0(
    service: FakeService, address: str, script: Path, concurrency: str
) -> None:
    script.write_text(WAITS)
    worker = start(script, "--concurrency", concurrency)
    until(lambda: len(service.bodies("/reports")) == int(concurrency))
    worker.send_signal(signal.SIGTERM)
    _, log = worker.communicate(timeout=30)
    assert worker.returncode == 0, log
    released = service.bodies("/release")
    assert len(released) == int(concurrency)
    assert released[0]["checkpoint"] == {"uri": "file:///a", "step": 1}
    assert "Traceback" not in log


STUBBORN = """
import os, pathlib, time
def train(trial):
    try:
        pathlib.Path({folder!r}, f"pid{{os.getpid()}}").touch()
        time.sleep(60)
    finally:
        pathlib.Path({folder!r}, f"told{{os.getpid()}}").touch()
        time.sleep(60)
"""


@pytest.mark.parametrize("concurrency", [1, 2])
def test_a_second_signal_ends_everything_at_once(
    service: FakeService, address: str, script: Path, tmp_path: Path, concurrency: int
) -> None:
    script.write_text(STUBBORN.format(folder=str(tmp_path)))
    worker = start(script, "--concurrency", str(concurrency))
    for sign in ("pid", "told"):
        until(lambda sign=sign: len(list(tmp_path.glob(f"{sign}*"))) == concurrency)  # type: ignore[misc]
        worker.send_signal(signal.SIGINT)
    worker.communicate(timeout=10)
    assert worker.returncode == 128 + signal.SIGINT
    for path in tmp_path.glob("pid*"):
        until(lambda pid=int(path.name[3:]): not alive(pid))  # type: ignore[misc]


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return not Path(f"/proc/{pid}/stat").exists() or Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"


def test_a_task_that_keeps_failing_ends_the_worker_with_a_reason(
    service: FakeService, address: str, script: Path
) -> None:
    service.max_trials = 9
    script.write_text(FAILS)
    worker = start(script)
    _, log = worker.communicate(timeout=30)
    assert worker.returncode == 1
    assert [body["state"] for body in service.bodies("/result")] == ["failed"] * 3
    assert log.splitlines()[-1].startswith("lrtune: the task failed 3 times in a row, the last time with")


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ("nowhere.py:train", "there is no file nowhere.py"),
        ("json:no_such_function", "json has no 'no_such_function'"),
        ("train", "names no function"),
    ],
)
def test_a_bad_task_is_one_line(lrtune: Lrtune, address: str, task: str, message: str) -> None:
    ran = lrtune("worker", "--study", "s", "--task", task)
    assert (ran.code, ran.out) == (1, "")
    assert message in ran.err
    assert ran.err.count("\n") == 1


def test_an_unknown_study_is_one_line(lrtune: Lrtune, address: str) -> None:
    ran = lrtune("worker", "--study", "nobody", "--task", "json:dumps")
    assert ran.code == 1
    assert ran.err.startswith("lrtune: there is nothing at /v1/studies/nobody")
    assert ran.err.count("\n") == 1


def test_a_worker_without_a_service_is_one_line(lrtune: Lrtune) -> None:
    ran = lrtune(
        *("worker", "--study", "s", "--task", "json:dumps", "--server", "http://127.0.0.1:1"),
        *("--wait-seconds", "0"),
    )
    assert (ran.code, ran.out) == (1, "")
    assert "no lrtune service answers at http://127.0.0.1:1" in ran.err
    assert ran.err.count("\n") == 1


def test_settings_may_come_from_the_environment(lrtune: Lrtune, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("LRTUNE_STUDY", "s")
    monkeypatch.setenv("LRTUNE_TASK", "json:no_such_function")
    assert "no_such_function" in lrtune("worker").err


def test_on_a_terminal_a_worker_shows_the_running_trial_and_what_it_prints_stays_whole(
    service: FakeService, address: str, script: Path
) -> None:
    body = "trial.report(1, 0.5); time.sleep(0.6); print('mine'); return 0.25"
    script.write_text(f"import time\ndef train(trial):\n    {body}\n")
    command = [sys.executable, "-m", "lrtune.service.cli.main", "worker", "--study", "s", "--task", f"{script}:train"]
    ours, theirs = pty.openpty()
    worker = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # What Linux answers once the other end is closed.
        while content := os.read(ours, 65_536):
            shown += content
    os.close(ours)
    assert worker.wait(30) == 0
    assert b"trial 0: step 1 of 3, loss 0.5" in shown
    assert b"\x1b[Jmine\r\n" in shown
    assert b"; 1 step in 0." in shown


@pytest.mark.parametrize("concurrency", ["1", "2"])
def test_a_worker_whose_trials_all_failed_exits_1_with_the_reason_in_the_last_line(
    service: FakeService, address: str, script: Path, concurrency: str
) -> None:
    service.max_trials = int(concurrency)
    script.write_text(FAILS + "import time; time.sleep(0.2)\n")
    worker = start(script, "--concurrency", concurrency)
    _, log = worker.communicate(timeout=60)
    assert worker.returncode == 1
    last = log.splitlines()[-1]
    if concurrency == "1":
        assert (
            last == "lrtune: the task failed in the only trial it had, with ValueError: no GPU: fix it and start again"
        )
    else:
        assert last == "lrtune: Workers of study s ended in an error."


def test_a_worker_that_gets_no_trial_since_all_is_done_exits_0_and_says_why(
    service: FakeService, address: str, script: Path
) -> None:
    done = {"done": True, "reason": "max_trials", "explanation": "The study is finished: its 2 trials are over."}
    service.fault = lambda request: httpx2.Response(200, json=done) if request.method == "POST" else None
    script.write_text(TRAINS)
    worker = start(script)
    _, log = worker.communicate(timeout=60)
    assert worker.returncode == 0
    assert "this worker got no trial. The study is finished: its 2 trials are over." in log.splitlines()[-1]


@pytest.mark.parametrize("by", ["option", "variable"])
def test_a_task_of_ones_own_finds_where_checkpoints_lie(
    service: FakeService, address: str, script: Path, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    script.write_text(
        "import os\ndef train(trial):\n    trial.report(1, 0.5, checkpoint=os.environ['LRTUNE_CHECKPOINTS'])\n"
    )
    if by == "variable":
        monkeypatch.setenv("LRTUNE_CHECKPOINTS", "/from/variable")
    worker = start(script, *(("--checkpoints", "/from/option") if by == "option" else ()))
    assert worker.communicate(timeout=30) is not None
    assert worker.returncode == 0
    assert {body["checkpoint"]["uri"] for body in service.bodies("/reports")} == {f"/from/{by}"}


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("ftp://host/a", "lrtune: ftp://host/a has the scheme ftp, which is not known: use a path, file://, s3://"),
        ("s3://KEY:SECRET@bucket/a", "lrtune: s3://***bucket/a has a name or password in it"),
        ("s3:/bucket", "lrtune: s3:/bucket names no bucket: write s3://bucket/folder"),
    ],
)
def test_a_place_for_checkpoints_that_cannot_be_is_one_line_before_anything_is_leased(
    service: FakeService, address: str, lrtune: Lrtune, place: str, words: str
) -> None:
    ran = lrtune("worker", "--study", "s", "--task", "digits", "--checkpoints", place)
    assert ran.code == 1
    assert ran.err.startswith(words)
    assert ran.err.count("\n") == 1
    assert "SECRET" not in ran.err + ran.out
    assert service.bodies("/trials") == []
