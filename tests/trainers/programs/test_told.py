"""What those hear who call `lrtune report` just when the trial ends, and what a stopped program hears."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from lrtune.trainers.errors import ProgramFailed
from lrtune.trainers.programs.process import Process, until
from lrtune.trainers.programs.program import Program
from tests.fake_service import FakeService, lease_lost
from tests.support.processes import until as wait_until
from tests.trainers.programs.conftest import python, reported

STOP = {"verdict": "stop", "reason": "pruned", "explanation": "rank 9 of 9"}
PAUSE = {"verdict": "pause", "reason": "paused", "explanation": "paused at step 1"}
VALUE = r"(?P<step>\d+): (?P<value>\S+)"

CALLER = """
import os, pathlib, signal, socket, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
folder = pathlib.Path(FOLDER)
print("1: 0.5", flush=True)
while not (folder / "reporting").exists():
    time.sleep(0.01)
print("LAST", flush=True)
time.sleep(0.2)
with socket.socket(socket.AF_UNIX) as worker:
    worker.connect(os.environ["LRTUNE_REPORTS"])
    worker.sendall(b'{"step": 3, "value": 0.4, "checkpoint": "file:///three"}\\n')
    (folder / "called").touch()
    worker.settimeout(60)
    (folder / "answer").write_bytes(worker.recv(4096))
"""
"""Prints a loss and calls while the one before is on its way: both come to the worker together."""


def caller(folder: Path, last: str) -> list[str]:
    return python(CALLER.replace("FOLDER", repr(str(folder))).replace("LAST", last))


def held(service: FakeService, folder: Path, then: dict[str, Any] | None) -> None:
    """The first report takes until the call has come; the second meets `then`, or finds its lease lost."""

    def fault(request: httpx2.Request) -> httpx2.Response | None:
        if not request.url.path.endswith("/reports"):
            return None
        if not (folder / "reporting").exists():
            (folder / "reporting").touch()
            wait_until(lambda: (folder / "called").exists())
            time.sleep(0.3)
            return None
        service.verdict = then or service.verdict
        return None if then else lease_lost()

    service.fault = fault


@pytest.mark.parametrize(
    ("then", "verdict", "said"),
    [
        (STOP, "stop", "pruned: rank 9 of 9"),
        (PAUSE, "pause", "paused: paused at step 1"),
        (None, "stop", "expired 12 s"),
    ],
)
def test_a_call_that_came_with_the_loss_that_ends_the_trial_hears_the_verdict(
    train: Callable[..., Program],
    service: FakeService,
    tmp_path: Path,
    then: dict[str, Any] | None,
    verdict: str,
    said: str,
) -> None:
    held(service, tmp_path, then)
    train(*caller(tmp_path, "2: 0.4"), pattern=VALUE, resumable=True, grace_seconds=20.0)
    answer = json.loads((tmp_path / "answer").read_bytes())
    assert answer["verdict"] == verdict
    assert said in answer["explanation"]
    assert [step for step, _ in reported(service)] == [1, 2]
    checkpoints = [body["checkpoint"] for body in service.bodies("/release")]
    assert checkpoints == ([{"uri": "file:///three", "step": 3}] if verdict == "pause" else [])


def test_a_call_that_came_with_a_step_too_far_hears_of_it(
    train: Callable[..., Program], service: FakeService, tmp_path: Path
) -> None:
    held(service, tmp_path, STOP)
    with pytest.raises(ProgramFailed):
        train(*caller(tmp_path, "9: 0.4"), pattern=VALUE, grace_seconds=20.0)
    assert "went on to step 9 of a trial of 3 steps" in json.loads((tmp_path / "answer").read_bytes())["error"]


def test_a_stopped_program_hears_sigterm_all_the_same(tmp_path: Path) -> None:
    sign = tmp_path / "sign"
    script = f"trap 'echo told > {sign}; exit 0' TERM; kill -STOP $$; sleep 60 & wait"
    process = Process(["sh", "-c", script], dict(os.environ))
    try:
        wait_until(lambda: Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T")
        process.end(until, 10.0)
        assert sign.read_text() == "told\n"
        assert process.is_gone()
    finally:
        process.kill()
        process.close()
