"""A training that is measured."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lrtune import LeasedTrial

REPORTS = 20
"""Of each training with a callback."""

Fit = Callable[[], Any]


@dataclass(frozen=True)
class Training:
    """The small training of a framework, whose import name is `package`, of so many `steps`."""

    package: str
    make: Callable[[LeasedTrial | None], Fit]
    """Makes a training, of a trial or of none; what it returns trains."""
    steps: int = REPORTS
