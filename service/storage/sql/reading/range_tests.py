"""Reading the range tests of a study; their curves one by one, when somebody asks."""

from sqlalchemy import Connection, select

from lrtune.service.storage.memory.range_tests import StoredRangeTest
from lrtune.service.storage.schema import tables
from lrtune.service.wire.range_tests import KeptRangeTest, RangeTestCurve


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
