"""The short form of `bench access`: strangers get nothing, a worker is served beside them, tokens are counted."""

import json

from tests.benchmarks.access.flood import FLOODS
from tests.benchmarks.conftest import Bench


def test_the_short_form_floods_and_the_worker_is_served(bench: Bench) -> None:
    ran = bench("access", "--flood", "--quick", "--json")
    assert ran.code == 0, ran.err
    figures = json.loads(ran.out)["figures"]
    assert [figure["row"] for figure in figures] == [flood.row for flood in FLOODS]
    for figure in figures:
        assert figure["sides"].keys() == {"calm", "flooded"}
        assert figure["checks"][0]["must"] == "<= 2"
        assert figure["checks"][0]["passed"] is None
    assert "401" in ran.err


def test_the_short_form_compares_tokens_with_none(bench: Bench) -> None:
    ran = bench("access", "--tokens", "--quick", "--json")
    assert ran.code == 0, ran.err
    figures = {figure["row"]: figure for figure in json.loads(ran.out)["figures"]}
    assert figures.keys() == {
        *("reports: one token", "reports: 50 tokens", "processor: one token", "processor: 50 tokens", "memory"),
    }
    assert figures["reports: one token"]["sides"].keys() == {"one token", "none"}
    assert figures["reports: one token"]["checks"][0]["must"] == ">= 0.95"
    assert all(figure["checks"][0]["passed"] is None for figure in figures.values())
