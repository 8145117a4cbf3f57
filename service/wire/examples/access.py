"""Tokens, who one is, and what was done. Secrets here open nothing."""

from typing import Any

_TOKEN: dict[str, Any] = {
    "id": "3f2387c051c7",
    "prefix": "lrt_example1",
    "name": "GPU hosts",
    "role": "worker",
    "scopes": ["cifar10-*"],
    "created_at": "2026-03-01T12:00:00Z",
    "created_by": "admin token file",
    "expires_at": "2026-06-01T12:00:00Z",
    "last_used_at": None,
    "revoked_at": None,
    "limits": {
        "requests_per_second": None,
        "asks_per_second": None,
        "trials_per_hour": 100,
        "steps_per_hour": None,
        "studies": None,
        "streams": None,
        "body_bytes": None,
    },
}

ACCESS: dict[str, Any] = {
    "NewToken": {
        "role": "worker",
        "name": "GPU hosts",
        "scopes": ["cifar10-*"],
        "expires_in_seconds": 7_776_000,
        "limits": {"trials_per_hour": 100},
    },
    "CreatedToken": {**_TOKEN, "secret": "lrt_example1…"},
    "Rotation": {"grace_seconds": 3600},
    "Token": _TOKEN,
    "TokenPage": {"items": [_TOKEN], "next_cursor": None},
    "Me": {"role": "worker", "scopes": ["cifar10-*"], "token": _TOKEN, "former": None},
    "AuditPage": {
        "items": [
            {
                "id": 4,
                "at": "2026-03-01T12:20:00Z",
                "actor": "admin token file",
                "token": "8fe8cb4a720b",
                "address": "10.0.0.7",
                "via": "http",
                "action": "trial.enqueue",
                "subject": "cifar10-resnet",
                "before": None,
                "after": {"trial": 10, "params": {"learning_rate": 0.003}},
            }
        ],
        "next_cursor": None,
    },
}
