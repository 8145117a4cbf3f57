import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.benchmarks.command import app
from tests.benchmarks.made_up import write_small_trainings, write_task
from tests.cli.conftest import Ran

Bench = Callable[..., Ran]


@pytest.fixture
def curves(tmp_path: Path) -> Path:
    """A folder of learning curves, like the one that the tables of docs/ are measured on."""
    folder = tmp_path / "curves"
    for suite in ("deepobs", "lcbench-lr"):
        for name, best in (("a", -3.0), ("b", -2.0), ("c", -1.0)):
            write_task(folder / suite, name, best)
    write_small_trainings(folder)
    return folder


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Bench:
    """Runs `bench …` in this process."""
    monkeypatch.setenv("COLUMNS", "120")

    def run(*arguments: str) -> Ran:
        monkeypatch.setattr(sys, "argv", ["bench", *arguments])
        with pytest.raises(SystemExit) as ended:
            app(prog_name="bench")
        out, err = capfd.readouterr()
        code = ended.value.code
        return Ran(code if isinstance(code, int) else 0 if code is None else 1, out, err)

    return run
