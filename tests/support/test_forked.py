"""A forked command does what a started one does, and costs no imports."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.forked import COMMAND, can_fork, captured
from tests.support.processes import Programs

LRTUNE = [sys.executable, *COMMAND]


@pytest.mark.parametrize("arguments", [["--version"], ["study", "--help"], ["serve", "--port", "none"]])
def test_it_prints_and_ends_as_a_started_one(arguments: list[str]) -> None:
    env = {**os.environ, "COLUMNS": "90"}
    started = subprocess.run([*LRTUNE, *arguments], env=env, capture_output=True, text=True, timeout=60, check=False)
    assert can_fork([*LRTUNE, *arguments], env)
    forked = captured([*LRTUNE, *arguments], env, 60)
    assert (forked.returncode, forked.stdout, forked.stderr) == (started.returncode, started.stdout, started.stderr)


def test_it_has_the_environment_the_folder_and_the_session_that_it_was_given(tmp_path: Path) -> None:
    env = {**os.environ, "LRTUNE_STORAGE": "sqlite:///here.db"}
    with Programs(tmp_path) as programs:
        service = programs.start([*LRTUNE, "serve", "--port", "0"], env)
        service.wait_for_line("^lrtune serving on", 60)
        assert os.getsid(service.pid) == service.pid
        assert Path(f"/proc/{service.pid}/cwd").resolve() == tmp_path / "0-python"
        assert (tmp_path / "0-python" / "here.db").exists()
        os.kill(service.pid, signal.SIGKILL)
        assert service.wait(10) == -signal.SIGKILL


@pytest.mark.parametrize("variable", ["PYTHONWARNINGS", "LC_ALL", "PYTHONPATH"])
def test_what_is_read_before_anything_is_imported_makes_it_a_started_one(variable: str) -> None:
    assert not can_fork([*LRTUNE, "serve"], {**os.environ, variable: "other"})
    assert not can_fork([sys.executable, "-c", "pass"], os.environ)
