"""`bench storage`, as a person runs it. Speed is never asserted: other programs use this machine."""

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from tests.benchmarks.storage.command import ROWS
from tests.support.processes import Program, Programs

ROOT = Path(__file__).parents[3]
COMMAND = [sys.executable, "-m", "tests.benchmarks", "storage"]
SECONDS = 240
SIDES = {
    "report": {"bare endpoint", "lrtune", "stock in-process"},
    "ask-random": {"100 trials", "300 trials"},
    "pauses": {"longest collection", "report, p99.9", "slowest report"},
    "load": {"lrtune", "stock in-process"},
    "takeover": {"lrtune"},
}


def _start(programs: Programs, folder: Path, *arguments: str) -> Program:
    folder.mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LRTUNE_")}
    return programs.start([*COMMAND, *arguments], kept | {"PYTHONPATH": str(ROOT), "TMPDIR": str(folder)})


def _left_running(program: Program) -> list[str]:
    """The processes that `program` started, itself or by others; they are of its session."""
    left = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            fields = (path / "stat").read_text().rpartition(")")[2].split()
            if int(fields[3]) == program.pid and fields[0] != "Z":
                left.append((path / "cmdline").read_text().replace("\0", " "))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return left


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[Programs]:
    with Programs(tmp_path / "programs") as started:
        yield started


def test_the_short_form_measures_all_sides_and_leaves_nothing_behind(programs: Programs, tmp_path: Path) -> None:
    chosen = [word for row in SIDES for word in ("--only", row)]
    program = _start(programs, tmp_path / "tmp", "--quick", "--json", *chosen)
    assert program.wait(SECONDS) == 0, program
    found = json.loads(program.stdout)
    assert found["machine"]["cores"] >= 1
    assert {figure["row"] for figure in found["figures"]} == SIDES.keys()
    for figure in found["figures"]:
        assert figure["storage"] == "sqlite"
        assert figure["sides"].keys() >= SIDES[figure["row"]]
        for side in figure["sides"].values():
            assert all(value > 0 for value in side["rounds"])
            assert side["median"] == median(side["rounds"])
        assert figure["checks"]
        for check in figure["checks"]:
            assert check["value"] == pytest.approx(_value(figure, check))
            assert check["passed"] is None  # The bounds were promised for other sizes.
    assert (found["passed"], found["failed"]) == (0, 0)
    assert _left_running(program) == []
    assert list((tmp_path / "tmp").iterdir()) == []


def _value(figure: dict[str, Any], check: dict[str, Any]) -> float:
    of: list[float] = figure["sides"][check["of"]]["rounds"]
    if check["against"] is None:
        return median(of)
    against: list[float] = figure["sides"][check["against"]]["rounds"]
    return median(one / other for one, other in zip(of, against, strict=True))


def test_a_signal_ends_it_with_all_that_it_started(programs: Programs, tmp_path: Path) -> None:
    program = _start(programs, tmp_path / "tmp", "--quick", "--only", "report")
    _wait_for_words(program, "reports, round")
    os.kill(program.pid, signal.SIGTERM)
    assert program.wait(60) == 128 + signal.SIGTERM, program
    assert _left_running(program) == []
    assert list((tmp_path / "tmp").iterdir()) == []


def _wait_for_words(program: Program, words: str) -> None:
    for _ in range(SECONDS * 20):
        if words in program.stderr:
            return
        assert program.poll() is None, program
        signal.sigtimedwait([], 0.05)
    raise AssertionError(f"it never said {words!r}: {program}")


def test_every_row_is_documented() -> None:
    page = (ROOT / "docs" / "reference" / "benchmarks.md").read_text()
    for row in ROWS:
        assert f"| `{row}` |" in page
