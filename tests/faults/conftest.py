"""Waiting for what other threads and processes bring about."""

import threading
from collections.abc import Callable

import pytest


def until(what: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait for it. Fails after `seconds`."""
    pause = threading.Event()
    for _ in range(int(seconds / 0.02)):
        if what():
            return
        pause.wait(0.02)
    pytest.fail("it did not come about in time")
