"""The short form of `bench fleet`, and that its checks find what they are there to find."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks.faults.check import Rows
from tests.benchmarks.fleet import check
from tests.benchmarks.fleet.figures import CALM, START, Found
from tests.benchmarks.fleet.journal import Timed
from tests.benchmarks.fleet.meter import Sample, cores, grown_bytes
from tests.benchmarks.fleet.plan import QUICK, Plan
from tests.benchmarks.fleet.services import Fault
from tests.benchmarks.fleet.wire import Route
from tests.end_to_end.conftest import environ
from tests.support.processes import Programs

STUDY = "fleet"


@pytest.mark.slow
def test_the_short_form_breaks_no_promise(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.benchmarks", "fleet", "--quick", "--json"]
    with Programs(tmp_path / "programs") as programs:
        program = programs.run(command, environ(), timeout_seconds=240)
    assert program.poll() == 0, program
    found = json.loads(program.stdout)
    assert found["broken"] == []
    counts = found["counts"]
    assert min(counts[kind] for kind in ("lease", "report", "result", "release", "kill", "cut", "refused")) > 0, counts
    assert {"ask", "report", "result"} <= {row["endpoint"] for row in found["rows"]}


# Checks

KEPT = Rows([0, 1], ["COMPLETE", "WAITING"], [False] * 2, {0: [0.5]}, {(0, 1): [0.1], (1, 1): [0.2]}, {})


def entry(kind: str, at: float = 0.0, number: int = 0, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "at": at, "study": STUDY, "number": number, "attempt": 1, "worker": "w", **more}


TOLD = [
    entry("lease", 1.0, begins=0),
    entry("report", 2.0, step=1, value=0.1),
    entry("result", 3.0, state="complete", value=0.5),
    entry("report", 2.0, number=1, step=1, value=0.2),
]


def all_of(rows: Rows, told: list[dict[str, Any]], **spec: Any) -> list[str]:
    return [
        *check.of_reports(rows, STUDY, told),
        *check.of_results(rows, STUDY, told),
        *check.of_budgets(rows, {"name": STUDY, **spec}, told),
    ]


def test_the_check_is_content_where_all_that_was_acknowledged_is_there() -> None:
    assert all_of(KEPT, TOLD, max_trials=2, max_total_steps=2) == []


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"numbers": [0, 2]}, "do not run from 0"),
        ({"leased": [True, False]}, "trial 0 is on lease though all have stopped"),
        ({"states": ["RUNNING", "WAITING"]}, "trial 0 is not over"),
        ({"final_values": {0: [0.25]}}, "trial 0 ended with [0.25], not 0.5"),
        ({"reports": {(0, 1): [0.1]}}, "trial 1, step 1 is there 0 times"),
        ({"reports": KEPT.reports | {(0, 1): [0.1, 0.1]}}, "trial 0 has 2 reports at step 1"),
        ({"superseded": {(0, 1): [0.1]}}, "trial 0, step 1 is there 2 times"),
        ({"reports": KEPT.reports | {(1, 2): [0.3]}}, "nobody sent the report of trial 1, step 2"),
    ],
)
def test_the_check_notices(changed: dict[str, Any], words: str) -> None:
    found = all_of(Rows(**(KEPT.__dict__ | changed)), TOLD, max_trials=2)
    assert any(words in text for text in found), found


def test_the_check_notices_budgets_that_are_overshot_or_not_spent() -> None:
    assert all_of(KEPT, TOLD, max_trials=1) == ["fleet: 2 trials where max_trials is 1"]
    assert all_of(KEPT, [*TOLD, entry("done")], max_trials=3) == ["fleet: 2 trials where max_trials is 3"]
    assert all_of(KEPT, TOLD, max_total_steps=1) == ["fleet: 2 steps trained where max_total_steps is 1"]


def test_a_report_of_a_worker_that_died_may_be_there_or_not() -> None:
    died = entry("kill", untold=2, step=1, checkpoint=0)
    there = Rows(**(KEPT.__dict__ | {"reports": KEPT.reports | {(0, 2): [0.3]}}))
    assert all_of(there, [*TOLD, died]) == all_of(KEPT, [*TOLD, died]) == []


@pytest.mark.parametrize(
    ("before", "begins", "words"),
    [
        (entry("kill", 2.0, untold=None, step=7, checkpoint=5), 5, ""),
        (entry("kill", 2.0, untold=8, step=7, checkpoint=5), 8, ""),
        (entry("kill", 2.0, untold=None, step=7, checkpoint=5), 0, "began after step 0, where 5 to 7"),
        (entry("kill", 2.0, untold=None, step=7, checkpoint=5), 9, "began after step 9, where 5 to 7"),
        (entry("release", 2.0, step=7, checkpoint=7), 7, ""),
        (entry("release", 2.0, step=7, checkpoint=5), 5, "though it was given back at 7"),
        (entry("result", 2.0, state="complete"), 7, "handed out after a result"),
        (entry("lease", 2.0, begins=0), 7, "handed out after a lease"),
    ],
)
def test_who_goes_on_with_a_trial_begins_where_the_one_before_left_it(
    before: dict[str, Any], begins: int, words: str
) -> None:
    found, twice = check.of_leases([entry("lease", 1.0, begins=0), before, entry("lease", 3.0, begins=begins)])
    assert any(words in text for text in found) if words else not found, found
    if not found and before["kind"] == "kill":
        assert (twice.steps, twice.kills) == (max(0, 7 - begins), 1)


def test_a_lease_counts_from_its_last_renewal_or_from_the_takeover_after_it() -> None:
    freed = [entry("freed", 30.0, sent=10.0)]
    assert [seconds for _, seconds in check.freed_after(freed, [])] == [20.0]
    assert [seconds for _, seconds in check.freed_after(freed, [14.0, 50.0])] == [16.0]


# Figures


def found_of(**more: Any) -> Found:
    fault = Fault("kill -9", 100.0, 102.0)
    return Found(
        Plan(seconds=300.0), 0.0, 4.0, [fault], [Sample(t, 100 << 20, t / 2, t / 4) for t in range(300)], **more
    )


def test_what_is_refused_while_a_service_is_gone_is_told_apart_from_what_is_refused_otherwise() -> None:
    found = found_of()
    assert [found.part_of(at) for at in (1.0, 50.0, 99.8, 101.0, 104.0, 106.0)] == [
        START, CALM, "kill -9", "kill -9", "kill -9", CALM
    ]  # fmt: skip
    gone = entry("refused", 101.0, endpoint="report", status=0, text="")
    found.take([gone], [Timed("report", 50.0, 0.1)], [15.5])
    assert all(figure.holds is not False for figure in found.figures()), found.figures()
    found.take([gone | {"at": 50.0}], [], [])
    assert [figure.what for figure in found.figures() if figure.holds is False] == [
        "requests refused, outside of kill and drain"
    ]


def test_slow_answers_late_leases_a_slow_start_and_memory_that_grows_fail() -> None:
    found = found_of()
    found.cold_seconds = 11.0
    found.samples = [Sample(t, (100 + t) << 20, 0.0, 0.0) for t in range(300)]
    found.broken = ["one"]
    found.take([], [Timed("report", 50.0, 0.3)], [16.5])
    failed = [figure.what for figure in found.figures() if figure.holds is False]
    assert len(failed) == 5, failed


def test_memory_grows_by_the_line_through_it_and_cores_by_what_was_used() -> None:
    samples = [Sample(t, (10 * t) if t % 7 else 0, 0.5 * t, 0.25 * t) for t in range(100)]
    assert grown_bytes(samples, 50.0) == pytest.approx(490, abs=10)
    assert cores(samples, 50.0) == pytest.approx((0.5, 0.25))


def test_workers_leave_a_service_once_however_many_of_them_see_it_gone() -> None:
    route = Route(["one", "two"])
    for _ in range(3):
        route.leave("one")
    assert route.address == "two"


def test_the_short_form_plays_all_that_the_long_form_does() -> None:
    assert QUICK.kills_per_minute > 0
    assert QUICK.cut_share > 0
    assert 0 < QUICK.kill_at < QUICK.drain_at < 1
    assert {QUICK.home(place) for place in range(QUICK.workers)} == {spec["name"] for spec in QUICK.studies()}
