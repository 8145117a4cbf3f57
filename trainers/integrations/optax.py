"""optax: lrtune's schedules as optax takes them."""

from collections.abc import Callable, Mapping
from typing import Any

from lrtune.service.rates.schedules import RunningSchedule, ScheduleError, read_schedule
from lrtune.service.rates.schedules.running import read_total_steps
from lrtune.service.wire.schedules import Schedule
from lrtune.trainers.integrations.extras import absent

try:
    import optax  # noqa: F401
    from jax import numpy as jnp
except ImportError as error:
    raise absent("optax", error) from error

MOST_STEPS = 10_000_000
"""Of a table: 40 MB."""


def schedule(
    schedule: Schedule | Mapping[str, Any] | str, base_learning_rate: float, total_steps: int
) -> Callable[[Any], Any]:
    """A schedule by name or as a mapping, over a training of `total_steps` optimizer steps, for any optimizer of optax.

    optax.adam(schedule({"name": "cosine", "warmup_steps": 10}, 0.01, total_steps=1000))

    cosine, 1.0, 4 steps: 1, 0.8536, 0.5, 0.1464, and 0 from step 4 on; as `lrtune schedule` shows it, in float32, at
    every step. It takes optax's count, a number or an array of any shape, traced or not.

    Raises ScheduleError with the field at fault, and for `plateau`, since optax tells a schedule no metric.
    """
    read, steps = read_schedule(schedule), read_total_steps(total_steps)
    if steps is None:
        raise ScheduleError(("total_steps",), "must be given: the epochs times the batches of one")
    running = RunningSchedule(read, base_learning_rate=base_learning_rate, total_steps=steps)
    if running.takes_metrics:
        message = "follows a metric, which optax tells no schedule: use optax.contrib.reduce_on_plateau"
        raise ScheduleError(("schedule",), message)
    if steps > MOST_STEPS:
        message = (
            f"must be at most {MOST_STEPS}, each has a rate in a table: take code from a service's page /schedules"
        )
        raise ScheduleError(("total_steps",), message)
    # A table, so that it cannot differ from what the other frameworks train with.
    rates = jnp.asarray([running.rate(step) for step in range(steps + 1)], dtype=jnp.float32)
    return lambda count: rates[jnp.clip(count, 0, steps)]
