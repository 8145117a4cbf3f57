"""Trials: what a worker sends and is answered, and what is told of them."""

from typing import Any

_LEASE = "Zj7hMUstfsFFJMgfSkqXHw"
_CHECKPOINT = {"uri": "s3://checkpoints/cifar10-resnet/10", "step": 3}
_TRIAL: dict[str, Any] = {
    "number": 5,
    "state": "complete",
    "params": {"learning_rate": 0.0031},
    "value": 0.31,
    "standard_error": None,
    "attempt": 1,
    "repeats": None,
    "again": None,
    "drawn": None,
    "worker": "gpu-1:4242",
    "step": 9,
    "max_steps": 9,
    "checkpoint": None,
    "error": None,
    "explanation": None,
    "started_at": "2026-03-01T12:15:00Z",
    "finished_at": "2026-03-01T12:18:20Z",
    "duration_seconds": 200.0,
}
_REPLAY = {
    "trial": 3,
    "state": "complete",
    "step": 9,
    "stopped_at": None,
    "saved_steps": 0,
    "explanation": "It would have trained to its end.",
}

TRIALS: dict[str, Any] = {
    "Ask": {"worker": "gpu-1:4242", "request_id": "0f8fad5b-d9cb-469f-a165-70867728950e", "anneals": True},
    "LeasedTrial": {
        "number": 10,
        "attempt": 1,
        "params": {"learning_rate": 0.0032},
        "lease": _LEASE,
        "lease_ttl_seconds": 60.0,
        "max_steps": 9,
        "resume": None,
    },
    "AskReply": {
        "done": True,
        "reason": "max_trials",
        "explanation": "All 12 trials of max_trials are spent.",
        "halted": False,
        "retry_after_seconds": None,
    },
    "Reports": {"lease": _LEASE, "reports": [{"step": 3, "value": 0.81}], "checkpoint": _CHECKPOINT},
    "Heartbeat": {"lease": _LEASE},
    "Verdict": {
        "verdict": "continue",
        "reason": None,
        "explanation": "Only the learning rate is searched: early losses mislead there, so it trains to its end.",
        "lease_ttl_seconds": 60.0,
    },
    "Result": {"lease": _LEASE, "state": "complete", "value": 0.31},
    "Release": {"lease": _LEASE, "checkpoint": _CHECKPOINT},
    "Enqueue": {"params": {"learning_rate": 0.003}},
    "Record": {
        "params": {"learning_rate": 0.001},
        "value": 0.41,
        "reports": [{"step": 1, "value": 1.3}, {"step": 9, "value": 0.41}],
    },
    "Trial": _TRIAL,
    "TrialPage": {"items": [_TRIAL], "next_cursor": "NQ=="},
    "TrialWithCurve": {
        **_TRIAL,
        "curve": [{"step": 1, "value": 1.31}, {"step": 5, "value": 0.64}, {"step": 9, "value": 0.31}],
        "diagnosis": {"verdict": "good", "evidence": ["ends at 0.31, the best so far"]},
    },
    "Replay": _REPLAY,
    "ReplayPage": {"items": [_REPLAY], "next_cursor": None},
    "Problem": {
        "type": "invalid-body",
        "title": "The request is not valid",
        "status": 422,
        "detail": "reports.0.step: is missing",
        "errors": [{"loc": ["reports", 0, "step"], "msg": "is missing"}],
    },
}
