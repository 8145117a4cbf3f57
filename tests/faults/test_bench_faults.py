"""The short form of `lrtune bench faults`, and that its check finds what it is there to find."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from service.bench.faults_check import Rows, violations
from tests.end_to_end.conftest import environ
from tests.support.processes import Programs


@pytest.mark.parametrize("storage", ["sqlite", "postgresql"])
def test_the_short_form_finds_nothing_lost(storage: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "service.cli.main", "bench", "faults", "--quick", "--json", "--storage", storage]
    with Programs(tmp_path / "programs") as programs:
        program = programs.run(command, environ(), timeout_seconds=240)
    assert program.poll() == 0, program
    found = json.loads(program.stdout)
    assert found["violations"] == 0
    tried = {fault["fault"]: fault for fault in found["faults"] if fault["times"]}
    assert {"kill -9 of the service", "kill -9 with a standby"} <= tried.keys()
    assert all(fault["reports"] > 0 and fault["results"] > 0 for fault in tried.values())
    assert max(tried["kill -9 with a standby"]["takeovers"]) < 30


KEPT = Rows([0, 1], ["COMPLETE"] * 2, [False] * 2, {0: [0.5], 1: [0.25]}, {(0, 1): [0.1], (1, 1): [0.2]}, {})
JOURNAL: list[dict[str, Any]] = [
    {"kind": "report", "worker": "w", "number": 0, "step": 1, "value": 0.1},
    {"kind": "report", "worker": "w", "number": 1, "step": 1, "value": 0.2},
    {"kind": "result", "worker": "w", "number": 0, "value": 0.5},
    {"kind": "result", "worker": "w", "number": 1, "value": 0.25},
]


def test_the_check_is_content_where_all_that_was_acknowledged_is_there() -> None:
    assert violations(KEPT, JOURNAL, 2) == []


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"numbers": [0, 2]}, "do not run from 0"),
        ({"states": ["COMPLETE", "RUNNING"]}, "trial 1 is RUNNING"),
        ({"leased": [True, False]}, "trial 0 is leased and COMPLETE"),
        ({"reports": {(0, 1): [0.1]}}, "for trial 1, step 1 is there 0 times"),
        ({"reports": {(0, 1): [0.1, 0.1], (1, 1): [0.2]}}, "trial 0 has 2 reports at step 1"),
        ({"superseded": {(0, 1): [0.1]}}, "for trial 0, step 1 is there 2 times"),
        ({"finals": {0: [0.5], 1: [0.5]}}, "trial 1 has final values"),
        ({"finals": {0: [0.5]}}, "trial 1 has final values"),
    ],
)
def test_the_check_notices(changed: dict[str, Any], words: str) -> None:
    rows = Rows(**(KEPT.__dict__ | changed))
    assert any(words in text for text in violations(rows, JOURNAL, 2)), violations(rows, JOURNAL, 2)


def test_the_check_notices_an_overshot_budget_a_doubled_result_and_an_error_of_a_client() -> None:
    found = violations(KEPT, [*JOURNAL, JOURNAL[-1], {"kind": "error", "worker": "w", "text": "oh"}], 1)
    assert found == [
        "w had to handle: oh",
        "2 trials where max_trials is 1",
        "the result of trial 1 was acknowledged 2 times",
    ]
