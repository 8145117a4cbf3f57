"""How long, as people type it, and how long ago, as they read it."""

import re
from datetime import datetime

_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 7 * 86_400.0}
_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)([smhdw])", re.ASCII)
_UNITS = (("d", 86_400.0), ("h", 3600.0), ("min", 60.0))


def read_duration(text: str) -> float:
    """Seconds. Raises ValueError for what is no duration.

    >>> read_duration("30d"), read_duration("1.5h")
    (2592000.0, 5400.0)
    """
    found = _DURATION.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is no duration: write a number and s, m, h, d or w, as in 90m, 12h or 30d")
    return float(found[1]) * _SECONDS[found[2]]


def ago(time: datetime | None, now: datetime) -> str:
    """`3 h ago`, `in 30 d`, `now`; a dash for None.

    >>> from datetime import UTC, timedelta
    >>> now = datetime(2027, 1, 1, tzinfo=UTC)
    >>> ago(now - timedelta(hours=3, minutes=20), now), ago(now + timedelta(days=30), now), ago(now, now)
    ('3 h ago', 'in 30 d', 'now')
    """
    if time is None:
        return "–"
    seconds = (now - time).total_seconds()
    for unit, length in _UNITS:
        if round(abs(seconds)) >= length:
            count = round(abs(seconds) / length)
            return f"{count} {unit} ago" if seconds > 0 else f"in {count} {unit}"
    return "now"
