"""Schedules for optax: the rates of ours at every step, in its optimizers."""

from typing import Any

import numpy as np
import pytest

optax = pytest.importorskip("optax", reason="needs lrtune[optax]: make frameworks")

import jax  # noqa: E402
from jax import numpy as jnp  # noqa: E402

from lrtune import ScheduleError  # noqa: E402
from lrtune.optax import schedule  # noqa: E402
from lrtune.service.rates.schedules import rate_function, read_schedule  # noqa: E402
from lrtune.service.rates.schedules.code import optax_code  # noqa: E402
from lrtune.service.wire.schedules.union import SCHEDULES  # noqa: E402
from lrtune.trainers.integrations.optax import MOST_STEPS  # noqa: E402

STEPS, RATE = 97, 0.1
NESTED = {"warmup": {"steps": 5, "then": "cosine"}, "join": {"schedules": ["cosine", "linear"], "milestones": [50]}}
FORMS: list[Any] = [{"name": name, **NESTED.get(name, {})} for name in SCHEDULES if name != "plateau"]
FORMS += [
    {"name": "cosine", "warmup_steps": 9, "min_lr": 1e-3},
    {"name": "cyclical", "mode": "triangular2", "num_cycles": 4},
]


def ours(form: Any) -> list[float]:
    rate = rate_function(read_schedule(form), base_learning_rate=RATE, total_steps=STEPS)
    return [rate(step) for step in range(STEPS)]


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_every_rate_is_ours_in_float32(form: Any) -> None:
    rates = schedule(form, RATE, STEPS)
    assert [np.float32(rates(step)) for step in range(STEPS)] == [np.float32(rate) for rate in ours(form)]
    assert np.asarray(jax.jit(rates)(jnp.arange(STEPS))) == pytest.approx(ours(form), rel=1e-7)


def test_a_schedule_may_be_given_as_read() -> None:
    assert float(schedule(read_schedule("cosine"), RATE, 4)(1)) == pytest.approx(0.085355, rel=1e-5)


def test_after_the_end_the_rate_stays() -> None:
    rates = schedule({"name": "cosine", "min_lr": 0.01}, RATE, STEPS)
    assert float(rates(STEPS)) == float(rates(10 * STEPS)) == pytest.approx(0.01)


def test_an_optimizer_takes_the_steps_of_the_schedule() -> None:
    optimizer = optax.sgd(schedule("linear", 1.0, 4))
    weights = jnp.zeros(1)
    state = optimizer.init(weights)
    taken = []
    for _ in range(4):
        updates, state = jax.jit(optimizer.update)(jnp.ones(1), state)
        taken.append(-float(updates[0]))
    assert taken == [1.0, 0.75, 0.5, 0.25]


def test_it_agrees_with_the_code_that_lrtune_writes() -> None:
    form = {"name": "one_cycle"}
    code = optax_code(read_schedule(form), base_learning_rate=RATE, total_steps=STEPS)
    assert code is not None
    written: dict[str, Any] = {}
    exec(code, written)
    table = schedule(form, RATE, STEPS)
    steps = range(STEPS)
    assert [float(table(step)) for step in steps] == pytest.approx(
        [float(written["schedule"](step)) for step in steps], rel=1e-5, abs=1e-6
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"schedule": "cosin"}, "did you mean 'cosine'"),
        ({"schedule": "plateau"}, r"schedule: follows a metric, .*: use optax\.contrib\.reduce_on_plateau"),
        ({"base_learning_rate": 0}, "base_learning_rate: must be a finite number > 0"),
        ({"base_learning_rate": float("nan")}, "base_learning_rate: must be a finite number > 0"),
        ({"total_steps": 0}, "total_steps"),
        ({"total_steps": None}, "total_steps: must be given"),
        ({"total_steps": MOST_STEPS + 1}, "total_steps: must be at most 10000000"),
    ],
)
def test_what_cannot_be_is_refused_with_its_name(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(ScheduleError, match=said):
        schedule(**{"schedule": "cosine", "base_learning_rate": 0.1, "total_steps": 9, **arguments})
