"""The range tests of a study: what of them is in memory, and their curves, which are not."""

from dataclasses import dataclass

from sqlalchemy import Connection, select

from lrtune.service.storage.schema import tables
from lrtune.service.wire.range_tests import KeptRangeTest, RangeTestCurve


@dataclass(frozen=True, slots=True)
class StoredRangeTest:
    """A range test without its curve."""

    shown: KeptRangeTest
    request_id: str | None
    digest: str
    """Of the body that made it, so that a replay can be told from another body under the same id."""


def read_range_tests(connection: Connection, study_id: int) -> list[StoredRangeTest]:
    """The study's range tests, by number."""
    columns = tables.range_tests.c
    query = select(columns.findings, columns.request_id, columns.digest).where(columns.study_id == study_id)
    return [
        StoredRangeTest(KeptRangeTest.model_validate_json(row.findings), row.request_id, row.digest)
        for row in connection.execute(query.order_by(columns.number))
    ]


def read_curve(connection: Connection, study_id: int, number: int) -> RangeTestCurve | None:
    """The curve of one range test; None where there is no such test."""
    columns = tables.range_tests.c
    query = select(columns.curve).where(columns.study_id == study_id, columns.number == number)
    text = connection.execute(query).scalar()
    return None if text is None else RangeTestCurve.model_validate_json(text)
