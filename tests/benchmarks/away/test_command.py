"""The short form of `bench away`."""

import json

from tests.benchmarks.conftest import Bench


def test_the_short_form_trains_with_the_service_there_and_away_and_tells_what_was_kept(bench: Bench) -> None:
    ran = bench("away", "--quick", "--json")
    assert ran.code == 0, ran.err
    figures = {figure["row"]: figure for figure in json.loads(ran.out)["figures"]}
    assert figures.keys() == {"wall there", "wall away", "processor there", "processor away", "told"}
    for side in ("there", "away"):
        (check,) = figures[f"wall {side}"]["checks"]
        assert (check["of"], check["against"], check["must"]) == (side, "none", "<= 1.02")
    assert figures["told"]["sides"]["told"]["median"] > 0
