"""What the demo searches for `builtin.digits`; apart from it, so that torch is not needed to look at it."""

from typing import Any

SEARCH_SPACE: dict[str, dict[str, Any]] = {
    "learning_rate": {"type": "float", "low": 1e-5, "high": 10.0, "log": True},
    "batch_size": {"type": "categorical", "choices": [32, 64, 128]},
    "optimizer": {"type": "categorical", "choices": ["sgd", "adam"]},
    "momentum": {"type": "float", "low": 0.0, "high": 0.99, "when": {"optimizer": ["sgd"]}},
}
"""Wide on purpose: nothing is learned at its lower end, and trainings diverge at its upper."""
