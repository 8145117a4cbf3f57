"""Are trainings diverging?"""

import math
from random import Random

from lrtune.service.tuning.health.diverging import diverging
from tests.tuning.health.studies import MIXED, at_random, draw_mixed, evidence, study, trained, valley

SEEDS = range(100)


def test_trainings_that_diverge_now_and_then_are_no_alarm() -> None:
    curve = valley(1e-2, edge=0.3)  # A tenth of the range.
    states = [diverging(evidence(study(at_random, curve, 40, Random(s)))).state for s in SEEDS]
    assert states.count("good") >= 95


def test_a_range_half_of_which_diverges_is_found_with_the_boundary() -> None:
    found = [diverging(evidence(study(at_random, valley(1e-3, edge=3e-3), 40, Random(s)))) for s in SEEDS]
    assert sum(card.state in ("look", "bad") for card in found) >= 90
    assert sum("--high 0.00" in card.remedy for card in found) >= 90


def test_what_diverges_at_all_rates_is_not_the_rates_fault() -> None:
    rng = Random(0)
    trials = [trained(n, at_random(n, rng), [3.0, math.nan] if rng.random() < 0.6 else [1.0] * 20) for n in range(50)]
    card = diverging(evidence(trials))
    assert card.state in ("look", "bad")
    assert "clipping" in card.remedy


def test_a_boundary_of_each_optimizer_is_told_apart() -> None:
    edges = {"sgd": 0.3, "adamw": 1e-4}
    trials = [
        trained(n, p, [3.0, math.inf] if p["learning_rate"] > edges[p["optimizer"]] else [1.0] * 20)
        for n, p in ((n, draw_mixed(Random(n))) for n in range(80))
    ]
    card = diverging(evidence(trials, space=MIXED))
    assert card.state in ("look", "bad")
    assert "Each optimizer" in card.remedy


def test_all_diverged_is_bad_from_three_on_and_few_are_unknown() -> None:
    lost = [trained(n, {"learning_rate": 0.1}, [3.0, math.nan]) for n in range(3)]
    assert [diverging(evidence(lost[:n])).state for n in range(4)] == ["unknown", "unknown", "unknown", "bad"]


def test_without_a_rate_the_share_is_told_all_the_same() -> None:
    space = {"optimizer": {"type": "categorical", "choices": ["sgd", "adamw"]}}
    trials = [trained(n, {"optimizer": "sgd"}, [3.0, math.nan]) for n in range(12)]
    card = diverging(evidence(trials, space=space))
    assert (card.state, card.trials) == ("bad", [7, 8, 9, 10, 11])
