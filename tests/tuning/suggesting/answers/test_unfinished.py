import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from lrtune.service.tuning.suggesting.suggestion import latest, look, prepare, suggest
from lrtune.service.wire.studies import Suggestion
from lrtune.service.wire.trials import Result
from tests.support.suggesting import report, train
from tests.support.tuning import Tuning

RATES = [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0]
SPEC = {"name": "s", "max_steps": 20, "pruner": {"name": "none"}, "short_trainings": "none"}


def curve(rate: float, steps: int, best: float = 1e-2, begin: int = 1) -> list[float]:
    """A loss that falls from 2.3 to a valley around the best rate."""
    final = 0.2 + min(2.0, 0.5 * math.log10(rate / best) ** 2)
    return [final + (2.3 - final) * math.exp(-0.2 * step) for step in range(begin, begin + steps)]


@pytest.fixture
def tuning(tmp_path: Path) -> Iterator[Tuning]:
    with Tuning(f"sqlite:///{tmp_path}/lrtune.db") as made:
        yield made


def asked(tuning: Tuning) -> Suggestion:
    return suggest(tuning.run(tuning.studies.get("s")))


def test_while_nothing_has_finished_trainings_that_are_half_way_answer_and_say_so(tuning: Tuning) -> None:
    tuning.create(**SPEC)
    for rate in RATES:
        train(tuning, rate, curve(rate, 10))
    found = asked(tuning)
    assert (found.basis, found.trials, found.best_learning_rate) == ("unfinished", 0, None)
    assert found.learning_rate is not None
    assert 1e-3 <= found.learning_rate <= 1e-1
    assert found.interval is not None
    low, high = found.interval
    assert low <= 1e-2 <= high
    assert math.log10(high / low) >= 0.7
    assert "No trial is complete yet: this rests on the curves of 7 unfinished trainings" in found.explanation
    assert "Trial 4 has the best loss so far" in found.explanation
    assert "The usual rate" not in found.explanation, "the trainings say more"


def test_too_few_curves_are_no_answer_and_are_mentioned(tuning: Tuning) -> None:
    tuning.create(**SPEC)
    for rate in (1e-4, 1e-2):
        train(tuning, rate, curve(rate, 10))
    found = asked(tuning)
    assert found.basis == "prior"
    assert "2 trainings under way say too little." in found.explanation


def test_pruned_trainings_tell_as_far_as_they_came(tuning: Tuning) -> None:
    tuning.create(**SPEC)
    for rate in RATES:
        leased = train(tuning, rate, curve(rate, 10))
        tuning.run(tuning.trials.result("s", leased.number, Result(lease=leased.lease, state="pruned")))
    found = asked(tuning)
    assert (found.basis, found.trials) == ("unfinished", 7)
    assert found.interval is not None
    assert found.interval[0] <= 1e-2 <= found.interval[1]


def test_a_training_that_is_about_to_end_as_diverged_is_no_good_curve(tuning: Tuning) -> None:
    tuning.create(**SPEC)
    for rate in RATES[:-1]:
        train(tuning, rate, curve(rate, 10))
    train(tuning, 1.0, [0.01, math.nan])
    found = asked(tuning)
    assert "of 6 unfinished trainings" in found.explanation
    assert found.learning_rate is not None
    assert found.learning_rate < 1.0


def test_folds_are_no_curve(tuning: Tuning) -> None:
    tuning.create(**SPEC | {"tags": {"folds": "20"}})
    for rate in RATES:
        train(tuning, rate, curve(rate, 10))
    assert asked(tuning).basis == "prior"


def test_the_kept_suggestion_is_worked_out_anew_when_curves_grow_by_a_good_share_not_with_each_report(
    tuning: Tuning,
) -> None:
    tuning.create(**SPEC)
    leases = [train(tuning, rate, curve(rate, 10)) for rate in RATES]
    study = tuning.run(tuning.studies.get("s"))
    tuning.run(prepare(tuning.engine, study))
    first = latest(study)
    report(tuning, leases[0], curve(RATES[0], 1, begin=11), after=10)
    tuning.run(prepare(tuning.engine, study, behind=0.01))
    assert latest(study) is first
    for rate, leased in zip(RATES[1:], leases[1:], strict=True):
        report(tuning, leased, curve(rate, 6, begin=11), after=10)
    tuning.run(prepare(tuning.engine, study, behind=0.01))
    assert latest(study) is not first


def test_what_is_looked_at_of_unfinished_trainings_is_bounded(tuning: Tuning, monkeypatch: pytest.MonkeyPatch) -> None:
    tuning.create(**SPEC)
    for rate in RATES:
        train(tuning, rate, curve(rate, 10))
    study = tuning.run(tuning.studies.get("s"))
    with tuning.engine.lock:
        assert len(look(study).unfinished) == 7
        monkeypatch.setattr("lrtune.service.tuning.suggesting.suggestion._MOST_UNFINISHED", 5)
        assert len(look(study).unfinished) == 5
        monkeypatch.setattr("lrtune.service.tuning.suggesting.suggestion._MOST_POINTS", 20)
        assert len(look(study).unfinished) == 2
