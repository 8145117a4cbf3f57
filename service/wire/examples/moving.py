"""Curves by the page, and a study on its way to another service."""

import json
from typing import Any

_STUDY: dict[str, Any] = {
    "kind": "study",
    "format": "1.0",
    "lrtune": "0.1.0",
    "name": "cifar10-resnet",
    "created_at": "2026-03-01T12:00:00+00:00",
    "spec": {"direction": "minimize", "metric": "val_loss", "max_trials": 12, "max_steps": 9},
    "max_trials": 12,
    "max_total_steps": None,
    "paused": False,
    "stopped": False,
    "description": "",
    "user_attrs": [],
    "system_attrs": [],
}
_TRIAL = {
    "kind": "trial",
    "number": 0,
    "state": "complete",
    "optuna_state": "COMPLETE",
    "params": {"learning_rate": 0.0031},
    "distributions": {},
    "values": [0.31],
    "user_attrs": [],
    "system_attrs": [],
    "started_at": "2026-03-01T12:15:00+00:00",
    "finished_at": "2026-03-01T12:18:20+00:00",
    "work": None,
    "curve": {"steps": [3, 9], "values": [0.81, 0.31]},
}
_DIGEST = "0c682cbb8bcd50dbe7b5a21d98fc85d6021f66c3b76392ef1fdd2b6bd646e969"
_END = {"kind": "end", "trials": 1, "reports": 2, "superseded": 0, "range_tests": 0, "sha256": _DIGEST}

EXPORTED = "".join(json.dumps(line) + "\n" for line in (_STUDY, _TRIAL, _END))
"""A whole file."""

MOVING: dict[str, Any] = {
    "CurvePage": {"items": [{"trial": 5, "steps": [3, 9], "values": [0.81, 0.31]}], "next_cursor": None},
    "ImportBatch": {"file": _DIGEST, "first": 0, "lines": [_STUDY, _TRIAL, _END]},
    "ImportProgress": {"study": "cifar10-resnet", "lines": 3, "done": True},
}
