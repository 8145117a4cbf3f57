"""The demo as a whole, cut short."""

import os
import re
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

for package in ("torch", "sklearn", "matplotlib", "uvicorn"):
    pytest.importorskip(package)

LAST_LINE = re.compile(r"suggested learning_rate=[\d.e-]+ interval=(\[[\d.e-]+, [\d.e-]+\]|\[–\]) after \d+ trials?")
SLOW = re.compile(r"lrtune: .*, \d+ s so far")
"""What a slow machine hears of a step that takes long."""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """The demo's folder; no process that was started for it may outlive the test."""
    folder = tmp_path / "demo of a user"
    yield folder
    until(lambda: not processes_of(folder), seconds=5)


def start(folder: Path, *arguments: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "lrtune.service.cli.main", "demo", "--epochs", "2", "--folder", str(folder)]
    environment = {**os.environ, "LRTUNE_SERVER": "http://127.0.0.1:1", "LRTUNE_STUDY": "another"}
    return subprocess.Popen(
        [*command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )


def processes_of(folder: Path) -> list[int]:
    """Live processes that have a file in `folder` open: the service its log, the workers theirs."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if os.readlink(entry).startswith(str(folder)):
                found.add(int(entry.parts[2]))
        except OSError:
            continue
    return sorted(found)


def until(holds: Callable[[], object], seconds: float = 60.0) -> None:
    """Waits for what another process does."""
    for _ in range(int(seconds / 0.05)):
        if holds():
            return
        threading.Event().wait(0.05)
    pytest.fail("it did not happen")


@pytest.mark.slow
def test_the_demo_ends_with_a_picture_a_check_and_a_suggestion_and_keep_serves_on(folder: Path) -> None:
    demo = start(folder, "--trials", "4", "--check", "--keep")
    assert demo.stdout is not None
    lines = [""]
    while not LAST_LINE.fullmatch(lines[-1]):
        lines.append(demo.stdout.readline().rstrip("\n"))
        assert demo.poll() is None, lines
    assert lines[-1].endswith("after 4 trials")
    assert f"picture: {folder / 'loss-by-learning-rate.png'}" in lines
    assert any("Retrained on 3 seeds" in line for line in lines)
    assert (folder / "loss-by-learning-rate.png").read_bytes().startswith(b"\x89PNG")
    assert (folder / "lrtune.db").is_file()
    address = next(line.split()[1] for line in lines if line.startswith("service: http://127.0.0.1:"))
    with urllib.request.urlopen(f"{address}/readyz", timeout=5) as answer:
        assert answer.status == 200
    demo.send_signal(signal.SIGINT)
    _, err = demo.communicate(timeout=30)
    assert demo.returncode == 0
    assert [line for line in err.splitlines() if not SLOW.fullmatch(line)] == []


@pytest.mark.slow
@pytest.mark.parametrize("sign", ["service.log", "training"])
def test_ctrl_c_ends_everything_in_order(folder: Path, sign: str) -> None:
    """While the service starts, and while the workers train."""
    demo = start(folder, "--trials", "10000")
    log = folder / "workers.log"
    until(
        lambda: log.exists() and ", attempt 1:" in log.read_text() if sign == "training" else (folder / sign).exists()
    )
    demo.send_signal(signal.SIGINT)
    _, err = demo.communicate(timeout=30)
    assert demo.returncode == 130
    assert "Traceback" not in err


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    demo = start(tmp_path / "file" / "folder")
    out, err = demo.communicate(timeout=30)
    assert (demo.returncode, out) == (1, "")
    assert "cannot be made" in err
    assert err.count("\n") == 1
