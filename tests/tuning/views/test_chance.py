"""Which parameters set the best trials apart by more than chance does."""

import time
from random import Random

import pytest

from lrtune.service.tuning.views.drawn.chance import apart

SEEDS = 60


def told(seed: int, count: int) -> tuple[list[str], list[str]]:
    """Of trials whose loss is lowest at one rate and with one optimizer; nothing hangs on their decay and layers."""
    draw = Random(seed)
    trials = [
        {
            "rate": draw.uniform(-5, 0),
            "optimizer": float(draw.randrange(2)),
            "decay": draw.uniform(-6, -1),
            "layers": float(draw.randint(1, 8)),
        }
        for _ in range(count)
    ]
    ranked = sorted(trials, key=lambda one: abs(one["rate"] + 2) + 0.8 * one["optimizer"] + draw.gauss(0, 0.1))
    return apart({name: [one[name] for one in ranked] for name in trials[0]}, ["optimizer"])


@pytest.mark.parametrize("count", [65, 300])
def test_what_decides_is_found_and_what_makes_no_difference_hardly_ever(count: int) -> None:
    found = [told(seed, count)[0] for seed in range(SEEDS)]
    assert sum("rate" in names for names in found) >= 0.9 * SEEDS
    assert sum("optimizer" in names for names in found) >= 0.7 * SEEDS
    assert sum(bool({"decay", "layers"} & set(names)) for names in found) <= 0.1 * SEEDS


def test_of_noise_alone_nothing_is_found_in_nineteen_of_twenty_studies() -> None:
    some = 0
    for seed in range(SEEDS):
        draw = Random(seed)
        some += bool(apart({f"p{n}": [draw.random() for _ in range(40)] for n in range(20)}, [])[0])
    assert some <= 0.15 * SEEDS


def test_a_parameter_of_one_value_is_not_compared() -> None:
    assert apart({"fixed": [1.0] * 30}, []) == ([], [])


def test_two_hundred_parameters_take_no_long_time() -> None:
    draw = Random(0)
    columns = {f"p{n}": [draw.random() for _ in range(300)] for n in range(200)}
    apart({"p": columns["p0"]}, [])
    begun = time.process_time()
    apart(columns, [])
    assert time.process_time() - begun < 3.0
