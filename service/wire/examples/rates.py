"""Learning rates without a study: suggestions, scaling, schedules; and the loss over the rates of a study."""

from typing import Any

RATES: dict[str, Any] = {
    "SuggestionBody": {"optimizer": "adamw", "batch_size": 256, "total_steps": 10_000, "family": "cnn"},
    "LearningRateResponse": {
        "study": "cifar10-resnet",
        "parameter": "learning_rate",
        "metric": "val_loss",
        "direction": "minimize",
        "categories": {},
        "points": [
            {"trial": 5, "learning_rate": 0.0031, "value": 0.31, "state": "complete", "categories": {}},
            {"trial": 3, "learning_rate": 0.69, "value": None, "state": "diverged", "categories": {}},
        ],
        "fit": {
            "learning_rates": [0.001, 0.0032, 0.01],
            "mean": [0.37, 0.31, 0.38],
            "low": [0.34, 0.29, 0.34],
            "high": [0.4, 0.33, 0.42],
            "noise": [0.01, 0.01, 0.01],
        },
        "max_stable_learning_rate": 0.21,
        "stable": [1.0, 1.0, 0.99],
        "suggested": 0.0032,
        "interval": [0.0019, 0.0041],
        "trials": 10,
        "counts": {"complete": 9, "diverged": 1, "running": 1},
        "without_rate": 0,
        "bounds": [1e-5, 1.0],
    },
    "ScalingBody": {"learning_rate": 0.1, "batch_size": 256, "new_batch_size": 1024, "optimizer": "sgd"},
    "ScalingReply": {
        "learning_rate": 0.4,
        "rule": "linear",
        "batch_factor": 4.0,
        "horizon_factor": 1.0,
        "betas": None,
        "epsilon": None,
        "reason": "linear: κ times the batch leaves a κ-th of the steps, so each must go κ times as far",
        "limits": ["holds while the gradient's noise outweighs the gradient"],
    },
    "ScheduleList": {
        "items": [
            {
                "name": "step",
                "summary": "Times gamma every `decay_steps` steps; the boundary belongs to the next piece.",
                "formula": "η₀·γ^⌊t/s⌋",
                "parameters": [
                    {
                        "name": "decay_steps",
                        "type": "integer",
                        "required": False,
                        "default": None,
                        "choices": None,
                        "minimum": 1,
                        "above": None,
                        "maximum": 10**12,
                        "below": None,
                        "aliases": ["step_size"],
                        "description": "s; null for a third of the steps.",
                    }
                ],
            }
        ],
        "next_cursor": None,
    },
    "PreviewRequest": {
        "schedule": {"name": "cosine", "warmup_steps": 2},
        "base_learning_rate": 0.003,
        "total_steps": 6,
    },
    "Preview": {
        "schedule": {"name": "cosine", "warmup_steps": 2, "warmup_kind": "linear"},
        "steps": None,
        "learning_rates": [0.001, 0.002, 0.003, 0.00256, 0.0015, 0.00044],
    },
}
