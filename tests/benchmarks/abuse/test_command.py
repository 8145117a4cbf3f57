"""The short form of `bench abuse`: every scenario is played, and honest workers lose nothing."""

import json

from tests.benchmarks.abuse.run import STAGES
from tests.benchmarks.abuse.scenario import Row
from tests.benchmarks.conftest import Bench


def test_the_short_form_plays_everything_and_nobody_loses_a_lease(bench: Bench) -> None:
    ran = bench("abuse", "--quick", "--json", "--storage", "sqlite")
    assert ran.code == 0, ran.err
    rows = json.loads(ran.out)["rows"]
    played = {scenario.name for scenarios, _, _ in STAGES for scenario in scenarios if "sqlite" in scenario.kinds}
    assert {row["scenario"] for row in rows} == played
    for row in rows:
        assert row["lost"] == 0, row
        assert row["wrong"] == [], row
    assert sum(row["heartbeats"] for row in rows) > 100


def row(**changed: object) -> Row:
    given = {"storage": "sqlite", "heading": "h", "scenario": "s", "told": "", "heartbeats": 9, "typical": 0.001}
    given |= {"late": 0.01, "longest": 0.2, "calm": 0.01, "lost": 0, "refused": 0, "judged": True, "wrong": []}
    return Row(**(given | changed))  # type: ignore[arg-type]


def test_a_row_holds_where_nothing_was_lost_or_wrong_and_nobody_waited_too_long() -> None:
    assert row().held
    assert row(longest=0.9, judged=False).held
    assert row(longest=0.9, calm=0.5).held
    assert not row(longest=0.3).held
    assert not row(lost=1).held
    assert not row(wrong=["answered 500"]).held
