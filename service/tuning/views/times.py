"""Times as the outside sees them."""

from datetime import UTC, datetime


def as_datetime(epoch: float | None) -> datetime | None:
    """Seconds since the epoch as a time in UTC; None where there is none."""
    return None if epoch is None else datetime.fromtimestamp(epoch, UTC)
