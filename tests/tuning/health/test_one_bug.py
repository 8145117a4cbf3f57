"""Are failures one bug?"""

from random import Random

from lrtune.service.tuning.health.evidence import Trained
from lrtune.service.tuning.health.one_bug import one_bug
from tests.tuning.health.studies import STEPS, evidence, trained


def failed(number: int, error: str) -> Trained:
    return Trained(number, "failed", {"learning_rate": 0.1}, None, {}, error=error, finished_at=940.0)


def fine(number: int) -> Trained:
    return trained(number, {"learning_rate": 0.1}, [1.0] * STEPS)


def test_one_error_with_different_numbers_and_paths_is_one_bug() -> None:
    trials = [
        failed(n, f"OSError: /data/run-{n}/x.bin at 0x7f{n:02x}: tried {n}.5 GiB") if n % 3 == 0 else fine(n)
        for n in range(30)
    ]
    card = one_bug(evidence(trials))
    assert card.state == "bad"
    assert "10 of the latest 30 trials failed, all with one error, last at " in card.says
    assert "mend that one first" in card.remedy.lower()
    assert card.trials == [15, 18, 21, 24, 27]


def test_failures_of_many_kinds_are_not_one_bug() -> None:
    kinds = ["KeyError", "ValueError", "OSError", "TypeError", "IndexError", "RuntimeError"]
    trials = [failed(n, f"{kinds[n % 6]}: no") if n < 6 else fine(n) for n in range(40)]
    card = one_bug(evidence(trials))
    assert card.state == "look"
    assert "each in its own way" in card.says
    assert "that one first" not in card.remedy


def test_a_rare_failure_is_no_alarm() -> None:
    alarms = 0
    for seed in range(100):
        rng = Random(seed)
        trials = [failed(n, "OSError: disk") if rng.random() < 0.01 else fine(n) for n in range(60)]
        alarms += one_bug(evidence(trials)).state in ("look", "bad")
    assert alarms <= 5


def test_a_bug_in_every_fourth_trial_is_found() -> None:
    found = 0
    for seed in range(100):
        rng = Random(seed)
        trials = [failed(n, f"KeyError: {n}") if rng.random() < 0.25 else fine(n) for n in range(60)]
        found += one_bug(evidence(trials)).state in ("look", "bad")
    assert found >= 90


def test_all_failed_is_bad_and_nothing_known_is_unknown() -> None:
    assert one_bug(evidence([failed(n, "") for n in range(3)])).state == "bad"
    assert "without saying why" in one_bug(evidence([failed(n, "") for n in range(3)])).says
    assert one_bug(evidence([])).state == "unknown"
    assert one_bug(evidence([fine(0)])).state == "unknown"
    assert one_bug(evidence([failed(0, "x")])).state == "unknown"
    assert one_bug(evidence([fine(n) for n in range(5)])).state == "good"
