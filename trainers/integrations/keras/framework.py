"""Keras, or why it cannot be had."""

from lrtune.trainers.errors import TrainingError
from lrtune.trainers.integrations.extras import absent

try:
    import keras
    import torch  # noqa: F401 — of the same extra: ranges are swept, and a trial's state is kept, by it.
except ImportError as error:
    if error.name in ("keras", "torch"):
        raise absent("keras", error) from error
    raise ImportError(
        f"Keras cannot be imported ({error}): set KERAS_BACKEND=torch before it is", name=error.name
    ) from error

__all__ = ["keras", "require_torch"]


def require_torch(what: str) -> None:
    """Raises TrainingError where Keras computes with another backend."""
    backend = keras.backend.backend()
    if backend != "torch":
        raise TrainingError(
            f"{what} needs Keras on torch, not on {backend}: set KERAS_BACKEND=torch before it is imported"
        )
