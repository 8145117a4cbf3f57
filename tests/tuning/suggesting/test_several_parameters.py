"""What is suggested where more than the learning rate is searched."""

from pathlib import Path
from typing import Any

from tests.support.suggesting import suggestion_after

SPACE = {
    "learning_rate": {"type": "float", "low": 1e-5, "high": 10.0, "log": True},
    "optimizer": {"type": "categorical", "choices": ["sgd", "adamw"]},
    "weight_decay": {"type": "float", "low": 1e-6, "high": 1e-1, "log": True},
    "num_layers": {"type": "int", "low": 1, "high": 6},
}
# fmt: off
ROWS = [
    (0.00466, 'adamw', 0.059, 2, 'complete', 20, 0.225),
    (0.501, 'sgd', 0.0076, 2, 'pruned', 1, 1.527),
    (0.000519, 'sgd', 0.0013, 6, 'pruned', 9, 2.22),
    (0.0541, 'adamw', 3.1e-06, 3, 'diverged', 5, None),
    (0.00313, 'sgd', 1.8e-05, 5, 'complete', 20, 1.638),
    (3.74, 'sgd', 0.0042, 2, 'diverged', 3, None),
    (3.01e-05, 'adamw', 0.024, 4, 'complete', 20, 1.942),
    (0.141, 'adamw', 0.0001, 1, 'diverged', 2, None),
    (0.00391, 'adamw', 0.019, 6, 'complete', 20, 0.282),
    (0.0467, 'sgd', 6.3e-05, 3, 'complete', 20, 0.285),
    (1.3, 'adamw', 1.3e-06, 5, 'pruned', 1, 2.3),
    (0.000374, 'sgd', 0.00037, 2, 'pruned', 1, 2.282),
    (0.0741, 'adamw', 0.059, 2, 'diverged', 3, None),
    (0.0439, 'adamw', 0.1, 4, 'diverged', 5, None),
    (0.0735, 'adamw', 0.059, 3, 'diverged', 5, None),
    (0.0514, 'adamw', 0.039, 3, 'diverged', 2, None),
    (0.0353, 'adamw', 0.07, 2, 'diverged', 3, None),
    (0.0166, 'adamw', 0.067, 3, 'diverged', 3, None),
    (0.134, 'sgd', 0.034, 4, 'complete', 20, 0.246),
    (0.0359, 'sgd', 2.4e-06, 2, 'complete', 20, 0.359),
    (0.0227, 'adamw', 0.034, 4, 'diverged', 4, None),
    (0.0241, 'adamw', 9.7e-05, 2, 'diverged', 2, None),
    (0.03, 'adamw', 4.5e-05, 5, 'diverged', 3, None),
    (0.0252, 'adamw', 3.5e-06, 2, 'diverged', 5, None),
    (0.00859, 'adamw', 0.025, 6, 'complete', 20, 0.363),
    (0.00136, 'adamw', 0.0092, 3, 'complete', 20, 0.242),
    (0.00276, 'adamw', 2.2e-05, 3, 'complete', 20, 0.177),
    (0.00379, 'adamw', 2.6e-05, 1, 'complete', 20, 0.224),
    (0.00773, 'sgd', 5.1e-05, 2, 'complete', 20, 1.19),
    (0.00173, 'sgd', 0.00019, 3, 'pruned', 4, 2.247),
    (1.07e-05, 'adamw', 0.00063, 1, 'pruned', 9, 2.255),
    (1.87e-05, 'sgd', 1.1e-06, 1, 'complete', 20, 2.305),
    (0.0501, 'sgd', 7e-06, 6, 'pruned', 1, 1.896),
    (0.00421, 'sgd', 1.6e-05, 5, 'pruned', 9, 1.847),
    (0.165, 'sgd', 5.4e-06, 2, 'complete', 20, 0.213),
    (0.105, 'sgd', 0.01, 1, 'pruned', 1, 1.697),
    (1.58e-05, 'adamw', 0.0046, 4, 'pruned', 9, 2.228),
    (0.165, 'sgd', 5.4e-06, 5, 'complete', 20, 0.218),
    (0.12, 'sgd', 1e-06, 3, 'pruned', 1, 1.611),
    (0.257, 'sgd', 5.4e-06, 4, 'pruned', 9, 0.302),
    (0.309, 'sgd', 5.7e-05, 6, 'complete', 20, 0.328),
    (1.09e-05, 'sgd', 3.4e-05, 6, 'pruned', 1, 2.296),
]
# fmt: on
"""Rate, optimizer, weight decay, layers, outcome, last step, last value: a study of 20 steps a training, in which one
trial of adamw was stopped after the first step at a rate of 1.3, before it could diverge."""


def record(rate: float, optimizer: str, decay: float, layers: int, state: str, step: int, value: float | None) -> Any:
    reports: list[dict[str, Any]] = [{"step": 1, "value": 2.3}] if step > 1 else []
    reports.append({"step": step, "value": "nan" if value is None else value})
    params = {"learning_rate": rate, "optimizer": optimizer, "weight_decay": decay, "num_layers": layers}
    return {"params": params, "state": state, "reports": reports}


def test_a_run_stopped_far_above_before_it_could_diverge_keeps_no_rate_that_trained_from_being_suggested(
    tmp_path: Path,
) -> None:
    found = suggestion_after(tmp_path, [record(*row) for row in ROWS], search_space=SPACE, max_steps=20, prior="none")
    assert found.params["optimizer"] == "adamw"
    assert found.learning_rate is not None
    assert found.expected_value is not None
    assert 1e-3 < found.learning_rate < 9e-3  # Of adamw all between these trained, and ended between .18 and .36.
    assert found.expected_value < 0.3
