"""Studies: what creates one, and what is told of it."""

from typing import Any

_RATE = {"type": "float", "low": 1e-5, "high": 1.0, "log": True}
_SUGGESTION: dict[str, Any] = {
    "learning_rate": 0.0032,
    "interval": [0.0019, 0.0041],
    "best_learning_rate": 0.0031,
    "max_stable_learning_rate": 0.21,
    "params": {"learning_rate": 0.0032},
    "intervals": {},
    "expected_value": 0.31,
    "basis": "posterior",
    "trials": 10,
    "explanation": "The best learning rate, or one that comes near it, lies between 0.0019 and 0.0041 (80 %). Trial 5 "
    "has the best val_loss, 0.31, of 10 finished trials.",
    "warnings": [],
}
_STUDY: dict[str, Any] = {
    "name": "cifar10-resnet",
    "direction": "minimize",
    "metric": "val_loss",
    "search_space": {"learning_rate": {"role": None, "when": None, **_RATE, "step": None}},
    "sampler": {"seed": 0, "name": "auto"},
    "pruner": {"name": "auto"},
    "max_trials": 12,
    "max_total_steps": None,
    "max_steps": 9,
    "lease_ttl_seconds": 60.0,
    "max_attempts": 3,
    "tags": {"optimizer": "adamw", "family": "cnn"},
    "prior": "auto",
    "short_trainings": "auto",
    "replicates": 0,
    "failed_counts": False,
    "description": "",
    "paused": False,
    "stopped": False,
    "state": "running",
    "trials": 11,
    "created_at": "2026-03-01T12:00:00Z",
    "id": "7d2f0c94a1b84e5f9c3a6b1e8d70f254",
    "warnings": [],
}

STUDIES: dict[str, Any] = {
    "NewStudy": {
        "name": "cifar10-resnet",
        "metric": "val_loss",
        "search_space": {"learning_rate": _RATE},
        "max_trials": 12,
        "max_steps": 9,
        "tags": {"optimizer": "adamw", "family": "cnn"},
        "if_exists": "load",
    },
    "StudyPatch": {"max_trials": 20, "description": "ResNet-18 on CIFAR-10, nine epochs"},
    "Study": _STUDY,
    "StudyPage": {"items": [_STUDY], "next_cursor": None, "unreadable": []},
    "Suggestion": _SUGGESTION,
    "StudyStatus": {
        "study": "cifar10-resnet",
        "version": 111,
        "state": "running",
        "explanation": "A worker is training.",
        "halted": None,
        "trials": {"running": 1, "complete": 9, "pruned": 0, "diverged": 1, "failed": 0, "waiting": 0},
        "best": {"trial": 5, "value": 0.31, "standard_error": None, "params": {"learning_rate": 0.0031}},
        "suggestion": _SUGGESTION,
        "workers": 1,
        "steps": {"trained": 84, "saved_by_pruning": 0, "spent_on_divergence": 1},
        "short_trainings": 0,
        "updated_at": "2026-03-01T12:34:56Z",
    },
    "StudyHealth": {
        "study": "cifar10-resnet",
        "version": 111,
        "cards": [
            {
                "question": "Are trainings diverging?",
                "state": "good",
                "says": "1 of the latest 10 trials diverged.",
                "remedy": "",
                "trials": [3],
            }
        ],
    },
}
