"""Ratios come from the run's own rounds, and only what was promised for a size is judged at it."""

import pytest

from tests.benchmarks.storage.figures import Check, Figure, Findings, Side
from tests.benchmarks.storage.plan import Plan

OURS = Side("lrtune", (30.0, 60.0, 90.0))
BARE = Side("bare endpoint", (100.0, 100.0, 150.0))


def test_a_ratio_is_the_median_of_the_rounds_own_ratios() -> None:
    assert Check(OURS, BARE, 0.5, True).value == pytest.approx(0.6)  # of 0.3, 0.6, 0.6


def test_a_bound_on_one_side_is_held_against_its_median() -> None:
    check = Check(OURS, None, 50.0, False)
    assert check.value == 60.0
    assert check.passed is False
    assert check.text == ""


@pytest.mark.parametrize(("bound", "at_least", "passed"), [(0.5, True, True), (0.7, True, False), (0.7, False, True)])
def test_a_check_holds_on_the_right_side_of_its_bound(bound: float, at_least: bool, passed: bool) -> None:
    assert Check(OURS, BARE, bound, at_least).passed is passed


def test_what_was_promised_for_another_size_is_shown_and_not_judged() -> None:
    check = Check(OURS, BARE, 0.9, True, judged=False)
    assert (check.passed, check.verdict, check.text) == (None, "", "0.6 ×")


def test_the_findings_count_what_holds_and_what_does_not() -> None:
    checks = (Check(OURS, BARE, 0.5, True), Check(OURS, BARE, 0.7, True), Check(OURS, BARE, 0.7, True, judged=False))
    found = Findings({}, [Figure("report", "reports", "sqlite", 100, "/s", (OURS, BARE), checks)], [])
    assert (found.passed, found.failed, found.unjudged) == (1, 1, 1)
    assert found.as_json()["figures"][0]["sides"]["lrtune"] == {"median": 60.0, "rounds": [30.0, 60.0, 90.0]}


def test_what_is_given_replaces_what_the_plan_has() -> None:
    plan = Plan.quick(("load",))
    assert plan.changed(sizes=None, rounds=None, pruner="auto", postgres_url=None) == plan
    assert plan.changed(sizes=(7,), rounds=2, pruner="none", postgres_url=None).sizes == (7,)
    assert Plan(rows=(), sizes=(100, 300)).near(10_000) == 300
