"""`/v1/studies/{study}/curves`: what trials reported, for tables of all of it."""

from fastapi import APIRouter, Response

from lrtune.service.api.container import Parts
from lrtune.service.api.http.paging import Cursor, Limit, page_of, read_cursor
from lrtune.service.tuning.views.curve_pages import CurvePaging
from lrtune.service.wire.curves import CurvePage

router = APIRouter(prefix="/v1/studies/{study}", tags=["trials"])


@router.get("/curves", response_model=CurvePage)
async def list_curves(study: str, parts: Parts, limit: Limit = 100, cursor: Cursor = None) -> Response:
    """What trials reported, by trial and step. A page has `limit` trials with reports and 20,000 points at the most: a
    longer curve goes on on the next page."""
    found = await parts.studies.get(study)
    await parts.studies.settled(found)
    page = CurvePaging(found, read_cursor(cursor), limit)
    await parts.slices.all(iter(page))
    return page_of(await parts.slices.in_thread(page.items), page.next)
