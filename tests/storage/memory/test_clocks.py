"""Deadlines are judged by time that elapsed, whatever the wall clock says."""

import time

import pytest

from lrtune.service.storage.memory import clocks

_DAY_SECONDS = 86_400.0


@pytest.mark.parametrize("kind", [clocks._KIND, None], ids=["of the system", "without CLOCK_BOOTTIME"])
def test_setting_the_wall_clock_lets_no_time_elapse(kind: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clocks, "_KIND", kind)
    now = time.time()
    seen = []
    for wall in (now, now + _DAY_SECONDS, now - _DAY_SECONDS):
        monkeypatch.setattr(time, "time", lambda wall=wall: wall)
        seen.append(clocks.elapsed_seconds())
    assert seen == sorted(seen)
    assert seen[-1] - seen[0] < _DAY_SECONDS / 2
