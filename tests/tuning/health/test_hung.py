"""Is a worker hung?"""

from random import Random

from lrtune.service.tuning.health.evidence import Lapse, OnLease, Trained
from lrtune.service.tuning.health.hung import hung
from tests.tuning.health.studies import STEPS, evidence, trained


def timed(count: int, rng: Random, *, per_step: float = 2.0) -> list[Trained]:
    """Trials whose time for a step varies by a factor of three."""
    return [
        trained(n, {"learning_rate": 0.1}, [1.0] * STEPS, seconds=STEPS * per_step * rng.uniform(0.6, 1.8))
        for n in range(count)
    ]


def on_lease(silent: float, *, reports: int = 5, number: int = 90, worker: str = "gpu-1:7") -> OnLease:
    return OnLease(number, worker, reports, 2.0 * reports, silent)


def test_workers_that_report_at_their_pace_are_no_alarm() -> None:
    for seed in range(100):
        rng = Random(seed)
        running = tuple(on_lease(rng.expovariate(1 / 3.0), reports=rng.randint(1, 19), number=n) for n in range(8))
        assert hung(evidence(timed(20, rng), running=running)).state == "good"


def test_one_that_renews_its_lease_and_reports_nothing_is_found() -> None:
    for seed in range(100):
        rng = Random(seed)
        running = (on_lease(1.0, number=1), on_lease(600.0, number=2, worker="gpu-9:1"))
        card = hung(evidence(timed(20, rng), running=running))
        assert card.state in ("look", "bad")
        assert card.says.startswith("Trial 2, held by gpu-9:1")
        assert "gpu-9:1" in card.remedy
        assert card.trials == [2]


def test_a_long_start_is_not_taken_for_a_hung_worker() -> None:
    trials = timed(20, Random(0))  # Of up to 72 s.
    assert hung(evidence(trials, running=(on_lease(100.0, reports=0),))).state == "good"
    assert hung(evidence(trials, running=(on_lease(900.0, reports=0),))).state in ("look", "bad")


def test_a_silence_shorter_than_a_lease_is_none() -> None:
    quick = timed(20, Random(0), per_step=0.01)
    assert hung(evidence(quick, running=(on_lease(50.0),))).state == "good"
    assert hung(evidence(quick, running=(on_lease(70.0),))).state == "look"


def test_in_a_first_wave_a_trials_own_pace_tells() -> None:
    assert hung(evidence([], running=(on_lease(5.0),))).state == "good"
    assert hung(evidence([], running=(on_lease(5.0, reports=1),))).state == "unknown"
    assert hung(evidence([], running=(on_lease(500.0),))).state in ("look", "bad")


def test_leases_that_run_out_again_and_again_with_one_worker_are_told() -> None:
    lapses = tuple(Lapse(n, "gpu-3:1" if n % 4 else "gpu-4:1") for n in range(5))
    card = hung(evidence(timed(20, Random(0)), lapses=lapses))
    assert card.state == "look"
    assert "3 leases of gpu-3:1" in card.says
    assert card.trials == [1, 2, 3]
    assert hung(evidence([], lapses=lapses[:2])).state == "unknown"


def test_with_nothing_in_training_there_is_nothing_to_measure() -> None:
    assert hung(evidence(timed(20, Random(0)))).state == "unknown"
