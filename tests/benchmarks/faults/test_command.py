"""The short form of `bench faults`, and that its checks find what they are there to find."""

import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks.faults.check import Rows, violations
from tests.benchmarks.faults.rounds import Load, Outcome, Round, Size, Strike, Struck, count_round, play_all
from tests.benchmarks.processes import BenchError
from tests.end_to_end.conftest import environ
from tests.support.processes import Programs


def test_the_short_form_finds_nothing_lost(tmp_path: Path) -> None:
    """On PostgreSQL, which has more ways to fail; SQLite's are in the long form, and in test_database_away.py."""
    command = [sys.executable, "-m", "tests.benchmarks", "faults", "--quick", "--json"]
    command += ["--storage", "postgresql"]
    with Programs(tmp_path / "programs") as programs:
        program = programs.run(command, environ(), timeout_seconds=240)
    assert program.poll() == 0, program
    found = json.loads(program.stdout)
    assert found["violations"] == 0
    tried = {fault["fault"]: fault for fault in found["faults"] if fault["times"]}
    assert {"kill -9 of the service", "kill -9 with a standby"} <= tried.keys()
    for fault in tried.values():
        assert fault["reports"] > 0
        assert fault["results"] > 0
        assert fault["client_errors"] == 0
        assert len(fault["before"]) == len(fault["after"]) == len(fault["pauses"]) == fault["times"]
        assert min(*fault["before"], *fault["after"], *fault["pauses"]) > 0, "it struck under load"
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
        ({"final_values": {0: [0.5], 1: [0.5]}}, "trial 1 has final values"),
        ({"final_values": {0: [0.5]}}, "trial 1 has final values"),
        ({"reports": KEPT.reports | {(1, 2): [0.3]}}, "the report for trial 1, step 2 was acknowledged to nobody"),
        (
            {"numbers": [0, 1, 2], "states": ["COMPLETE"] * 3, "leased": [False] * 3},
            "the result of trial 2 was acknowledged to nobody",
        ),
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


# Rounds


def entry(kind: str, at: float = 0.0, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "at": at, **more}


ENTRIES = [
    entry("report", 1.0),
    entry("report", 2.0),
    entry("result", 6.5),
    entry("report", 7.0),
    entry("done", 8.0, retries=3),
]


def test_a_round_counts_what_was_acknowledged_before_and_after_its_fault() -> None:
    played = count_round(ENTRIES, Struck(2.5, takeover_seconds=1.5), ["oh"])
    assert played == Round(2, 2, 3, 1, 3, 0, 4.0, 1.5, ("oh",))
    assert not played.hollow


@pytest.mark.parametrize(("at", "why"), [(7.5, "the load had ended"), (0.5, "none had begun"), (math.inf, "no effect")])
def test_a_fault_that_struck_no_load_makes_a_hollow_round(at: float, why: str) -> None:
    assert count_round(ENTRIES, Struck(at), []).hollow, why


def test_an_error_that_a_client_had_to_handle_is_counted_with_its_round() -> None:
    played = count_round([*ENTRIES, entry("error", 7.5, worker="w", text="oh")], Struck(2.5), [])
    assert played.client_errors == 1
    outcome = Outcome("sqlite", "f")
    outcome.add(played)
    assert outcome.client_errors == 1


def a_round(*, hollow: bool = False, wrong: str = "") -> Round:
    return Round(5, 0 if hollow else 5, 8, 2, 1, int(bool(wrong)), 0.5, None, (wrong,) if wrong else ())


def playing(*rounds: Round) -> tuple[Callable[[Strike, int], Round], list[int]]:
    """Plays these rounds, one after the other; how much load each was to make."""
    left, loads = iter(rounds), []

    def play(strike: Strike, times: int) -> Round:
        loads.append(times)
        return next(left)

    return play, loads


STRIKES: list[Strike] = [lambda: Struck(0.0)] * 2


def test_a_hollow_round_is_not_counted_but_played_again_with_more_load() -> None:
    play, loads = playing(a_round(hollow=True, wrong="lost"), a_round(hollow=True), a_round(), a_round())
    outcome = play_all(Outcome("sqlite", "f"), STRIKES, play)
    assert loads == [1, 2, 4, 1]
    assert (outcome.times, outcome.hollow, outcome.reports, outcome.pauses) == (2, 2, 16, [0.5, 0.5])
    assert (outcome.violations, outcome.client_errors) == (["lost"], 1), "what is wrong is so in any round"


def test_a_fault_that_never_strikes_under_load_is_a_violation() -> None:
    play, loads = playing(*[a_round(hollow=True)] * 4, a_round())
    outcome = play_all(Outcome("sqlite", "f"), STRIKES, play)
    assert loads == [1, 2, 4, 8, 1]
    assert (outcome.times, outcome.hollow) == (1, 4)
    assert outcome.violations == ["struck no load in 4 tries: nothing is shown"]


def test_a_round_that_cannot_be_played_ends_them_and_is_told() -> None:
    def play(strike: Strike, times: int) -> Round:
        raise BenchError("round-0 did not end")

    assert play_all(Outcome("sqlite", "f"), STRIKES, play).violations == ["round-0 did not end"]


def test_a_worker_that_dies_ends_the_round_at_once(tmp_path: Path) -> None:
    with Load(tmp_path, Size(workers=1)) as load:
        (tmp_path / "round").write_text("no JSON")
        with pytest.raises(BenchError, match="JSONDecodeError"):
            load._wait(lambda: False, "round-0")
