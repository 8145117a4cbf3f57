"""A range test of a study, as it is kept in memory: without its curve."""

from dataclasses import dataclass

from lrtune.service.wire.range_tests import KeptRangeTest


@dataclass(frozen=True, slots=True)
class StoredRangeTest:
    """A range test without its curve."""

    shown: KeptRangeTest
    request_id: str | None
    digest: str
    """Of the body that made it, so that a replay can be told from another body under the same id."""
