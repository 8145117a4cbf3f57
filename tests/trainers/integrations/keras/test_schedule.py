from pathlib import Path
from typing import Any

import pytest

keras = pytest.importorskip("keras", reason="needs lrtune[keras]: make frameworks")

from lrtune import ScheduleError  # noqa: E402
from lrtune.keras import ScheduledLearningRate  # noqa: E402
from lrtune.service.rates.schedules import default_schedule, rate_function, read_schedule  # noqa: E402
from tests.trainers.integrations.keras.small import X, Y, network  # noqa: E402

SCHEDULES: list[Any] = [
    "cosine",
    "constant",
    "wsd",
    {"name": "cosine", "warmup_steps": 5},
    {"name": "one_cycle"},
]


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_rates_are_those_that_lrtune_shows(schedule: Any) -> None:
    rates = ScheduledLearningRate(schedule, 0.1, total_steps=40)
    expected = rate_function(read_schedule(schedule), base_learning_rate=0.1, total_steps=40)
    assert [float(rates(step)) for step in (*range(41), 60)] == pytest.approx(
        [expected(step) for step in (*range(41), 60)], rel=1e-6
    )


def test_the_default_is_that_of_every_training() -> None:
    rates = ScheduledLearningRate("default", 0.1, total_steps=40)
    expected = rate_function(default_schedule(40), base_learning_rate=0.1, total_steps=40)
    assert [float(rates(step)) for step in range(41)] == pytest.approx([expected(step) for step in range(41)])


def test_fit_trains_along_it_and_a_saved_model_goes_on_along_it(tmp_path: Path) -> None:
    model = network(ScheduledLearningRate("cosine", 0.01, total_steps=64))
    model.fit(X, Y, verbose=0)
    expected = rate_function(read_schedule("cosine"), base_learning_rate=0.01, total_steps=64)
    assert float(model.optimizer.learning_rate) == pytest.approx(expected(32))
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    again.fit(X[:32], Y[:32], verbose=0)
    assert float(again.optimizer.learning_rate) == pytest.approx(expected(33))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"schedule": "cosin"}, "cosin"),
        ({"schedule": "plateau"}, r"Keras tells no schedule: use keras\.callbacks\.ReduceLROnPlateau"),
        ({"learning_rate": 0}, "base_learning_rate"),
        ({"total_steps": 0}, "total_steps"),
        ({"total_steps": None}, "must be given: the epochs times the batches of one"),
    ],
)
def test_what_is_no_schedule_is_refused(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ScheduleError, match=words):
        ScheduledLearningRate(**{"schedule": "cosine", "learning_rate": 0.1, "total_steps": 9, **arguments})
