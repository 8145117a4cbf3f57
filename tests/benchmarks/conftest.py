import sys
from collections.abc import Callable

import pytest

from tests.benchmarks.command import app
from tests.cli.conftest import Ran

Bench = Callable[..., Ran]


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
