"""Range tests: rates and losses in, what they say out."""

from typing import Any

_CURVE: dict[str, Any] = {
    "learning_rates": [1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1],
    "losses": [2.31, 2.3, 2.25, 2.1, 1.7, 1.2, 1.05, 1.4, "inf"],
}
_SMOOTHED = [2.31, 2.305, 2.28, 2.22, 2.09, 1.9, 1.72, 1.66]
_FINDINGS: dict[str, Any] = {
    "suggestions": {"valley": 0.001, "steepest": 0.001, "slide": 0.0012, "minimum_over_10": 0.001},
    "recommended": 0.001,
    "bounds": [0.0001, 0.01],
    "diverged_at": 0.1,
    "signal": True,
    "reason": "The loss falls by 55 % between 0.0001 and 0.01.",
    "still_falling_at": None,
    "rising_from": None,
    "warnings": [],
}
_KEPT: dict[str, Any] = {
    **_FINDINGS,
    "number": 0,
    "batch_size": 128,
    "optimizer": "adamw",
    "smoothing": 0.9,
    "seeds": 1,
    "created_at": "2026-03-01T11:50:00Z",
}

RANGE_TESTS: dict[str, Any] = {
    "RangeTestBody": _CURVE,
    "NewRangeTest": {**_CURVE, "batch_size": 128, "optimizer": "adamw"},
    "RangeTest": {**_FINDINGS, "smoothed": _SMOOTHED},
    "KeptRangeTestWithCurve": {**_KEPT, **_CURVE, "losses": [_CURVE["losses"]], "smoothed": _SMOOTHED},
    "RangeTestPage": {"items": [_KEPT], "next_cursor": None},
}
