import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from lrtune.service.cli.main import main
from tests.fake_service import FakeService, listening


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str


Lrtune = Callable[..., Ran]


@pytest.fixture
def service() -> FakeService:
    return FakeService()


@pytest.fixture
def address(service: FakeService, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with listening(service) as address:
        monkeypatch.setenv("LRTUNE_SERVER", address)
        yield address


@pytest.fixture
def lrtune(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Lrtune:
    """Runs the command in this process. It does not tell that it goes on, however slow the machine."""
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr("lrtune.service.cli.progress._say_on_stderr", lambda *_: None)

    def run(*arguments: str) -> Ran:
        monkeypatch.setattr(sys, "argv", ["lrtune", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capfd.readouterr()
        code = ended.value.code
        return Ran(code if isinstance(code, int) else 0 if code is None else 1, out, err)

    return run
