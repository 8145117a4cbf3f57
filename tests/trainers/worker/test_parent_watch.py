import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from lrtune.trainers.worker.parent_watch import owned_environment

ROOT = Path(__file__).resolve().parents[3]
CHILD = """import threading
from lrtune.trainers.worker.parent_watch import end_with_owner
end_with_owner(); print(flush=True)
"""
OWNER = f"""
import subprocess, sys, os
from lrtune.trainers.worker.parent_watch import owned_environment
command = [sys.executable, "-c", {CHILD + "threading.Event().wait(60)"!r}]
child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=owned_environment())
child.stdout.readline()
print(child.pid, flush=True)
os.kill(os.getpid(), 9)
"""


def test_a_process_ends_when_its_owner_is_killed() -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    owner = subprocess.run(
        [sys.executable, "-c", OWNER], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    child = int(owner.stdout)
    pause = threading.Event()
    for _ in range(200):
        try:
            state = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return
        if state == "Z":
            return
        pause.wait(0.05)
    pytest.fail(f"process {child} outlived its owner")


def test_a_process_without_an_owner_goes_on_when_its_input_ends() -> None:
    program = CHILD + "threading.Event().wait(0.5); print('went on')"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "went on" in ended.stdout


def test_the_environment_of_an_owned_process_is_the_given_one_and_the_mark() -> None:
    assert owned_environment({"A": "1"}) == {"A": "1", "LRTUNE_OWNED": "1"}
