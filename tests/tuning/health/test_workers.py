"""Is a worker slower than the others?"""

from random import Random

from lrtune.service.tuning.health.evidence import Trained
from lrtune.service.tuning.health.workers import unequal_workers
from tests.tuning.health.studies import STEPS, evidence, trained


def trials(slow: float, rng: Random, count: int = 40) -> list[Trained]:
    """Of four workers, the first of which takes `slow` times as long; a step's time varies by a factor of three."""
    return [
        trained(
            n,
            {"learning_rate": 0.1},
            [1.0] * STEPS,
            worker=f"gpu-{n % 4}:1",
            seconds=STEPS * rng.uniform(0.6, 1.8) * (slow if n % 4 == 0 else 1.0),
        )
        for n in range(count)
    ]


def test_equal_workers_are_no_alarm_and_a_slow_one_is_found() -> None:
    equal = [unequal_workers(evidence(trials(1.0, Random(s)))).state for s in range(100)]
    assert equal.count("good") >= 95
    slow = [unequal_workers(evidence(trials(4.0, Random(s)))) for s in range(100)]
    assert sum(card.state in ("look", "bad") and "gpu-0:1" in card.says for card in slow) >= 90


def test_one_worker_cannot_be_compared() -> None:
    assert unequal_workers(evidence([])).state == "unknown"
    assert unequal_workers(evidence(trials(1.0, Random(0), count=12))).state == "unknown"
