"""`/v1/range-tests` and `/v1/studies/{study}/range-tests`."""

from typing import Annotated

from fastapi import APIRouter, Body, Path, Response

from lrtune.service.api.container import Parts
from lrtune.service.api.http.bodies import JsonRoute
from lrtune.service.api.http.paging import Cursor, Limit, read_cursor, show_cursor
from lrtune.service.tuning.suggesting.range_tests import analysed
from lrtune.service.wire.range_tests import (
    KeptRangeTestWithCurve,
    NewRangeTest,
    RangeTest,
    RangeTestBody,
    RangeTestPage,
)

router = APIRouter(route_class=JsonRoute, tags=["learning rates"])


@router.post("/v1/range-tests")
async def analyse_range_test(body: Annotated[RangeTestBody, Body()]) -> RangeTest:
    """Analyse a learning-rate range test. Nothing is kept."""
    return await analysed(body)


@router.post("/v1/studies/{study}/range-tests", status_code=201, responses={200: {"model": KeptRangeTestWithCurve}})
async def keep_range_test(
    study: str, body: Annotated[NewRangeTest, Body()], parts: Parts, response: Response
) -> KeptRangeTestWithCurve:
    """Analyse a range test and keep it: the study's suggestion rests on it until a trial is complete. 200 where the
    same `request_id` was kept before."""
    kept, new = await parts.range_tests.keep(study, body)
    response.status_code = 201 if new else 200
    return kept


@router.get("/v1/studies/{study}/range-tests")
async def list_range_tests(study: str, parts: Parts, limit: Limit = 100, cursor: Cursor = None) -> RangeTestPage:
    """The range tests kept with a study, by number, without their curves."""
    tests, after = await parts.range_tests.page(study, read_cursor(cursor), limit)
    return RangeTestPage(items=tests, next_cursor=show_cursor(after))


@router.get("/v1/studies/{study}/range-tests/{number}")
async def get_range_test(
    study: str, number: Annotated[int, Path(ge=0, lt=2**31)], parts: Parts
) -> KeptRangeTestWithCurve:
    """One range test with its curve."""
    return await parts.range_tests.get(study, number)
