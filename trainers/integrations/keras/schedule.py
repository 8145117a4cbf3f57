"""lrtune's schedules as Keras takes them."""

from collections.abc import Mapping
from typing import Any

from lrtune.service.rates.schedules import RunningSchedule, ScheduleError, read_schedule
from lrtune.service.rates.schedules.running import read_total_steps
from lrtune.service.wire.schedules import Schedule, schedule_adapter
from lrtune.trainers.integrations.keras.framework import keras


@keras.saving.register_keras_serializable(package="lrtune")
class ScheduledLearningRate(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule by name or as a mapping, over a training of `total_steps` optimizer steps from `learning_rate` on.

    keras.optimizers.Adam(ScheduledLearningRate("cosine", 0.01, total_steps=epochs * batches_per_epoch))

    cosine, 1.0, 4 steps: 1, 0.8536, 0.5, 0.1464, and 0 from step 4 on; as `lrtune schedule` shows it, in float32.

    Raises ScheduleError with the field at fault, and for `plateau`, since Keras tells a schedule no metric.
    """

    def __init__(self, schedule: Schedule | Mapping[str, Any] | str, learning_rate: float, *, total_steps: int) -> None:
        super().__init__()
        self.schedule = read_schedule(schedule)
        self.learning_rate = learning_rate
        steps = read_total_steps(total_steps)
        if steps is None:
            raise ScheduleError(("total_steps",), "must be given: the epochs times the batches of one")
        running = RunningSchedule(self.schedule, base_learning_rate=learning_rate, total_steps=steps)
        if running.takes_metrics:
            message = "follows a metric, which Keras tells no schedule: use keras.callbacks.ReduceLROnPlateau"
            raise ScheduleError(("schedule",), message)
        self.total_steps = steps
        # A table, so that nothing waits for a GPU to say which step it is at.
        self._rates = keras.ops.convert_to_tensor([running.rate(step) for step in range(steps + 1)], "float32")

    def __call__(self, step: Any) -> Any:
        at = keras.ops.minimum(keras.ops.cast(step, "int64"), self.total_steps)
        return keras.ops.take(self._rates, at)

    def get_config(self) -> dict[str, Any]:
        """Plain values, as a saved model keeps them."""
        return {
            "schedule": schedule_adapter.dump_python(self.schedule, mode="json"),
            "learning_rate": self.learning_rate,
            "total_steps": self.total_steps,
        }
