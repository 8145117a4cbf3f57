"""The short form of `bench shards`."""

import json
import sys
from pathlib import Path

from tests.end_to_end.conftest import environ
from tests.support.processes import Programs


def test_the_short_form_finds_that_no_call_fails(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.benchmarks", "shards", "--quick", "--json"]
    with Programs(tmp_path / "programs") as programs:
        program = programs.run(command, environ(), timeout_seconds=240)
    assert program.poll() == 0, program
    found = json.loads(program.stdout)
    assert {"one", "two", "hop"} <= found.keys()
    for ended in ("killed", "told_to_end"):
        assert [move["failed"] for move in found[ended]] == [0]
        assert all(move["reports"] > 0 for move in found[ended])
