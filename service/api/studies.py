"""`/v1/studies`."""

from typing import Annotated

from fastapi import APIRouter, Body, Request, Response

from lrtune.service.api.container import Parts, client_of
from lrtune.service.api.http.bodies import JsonRoute
from lrtune.service.api.http.paging import Cursor, Limit, page_of, read_cursor
from lrtune.service.tuning.views.studies import study_slices, study_view
from lrtune.service.wire.studies import NewStudy, Study, StudyPage, StudyPatch, UnreadableStudy

router = APIRouter(route_class=JsonRoute, tags=["studies"])


@router.post("/v1/studies", status_code=201, responses={200: {"model": Study}})
async def create_study(body: Annotated[NewStudy, Body()], parts: Parts, request: Request, response: Response) -> Study:
    """Create a study; 200 where it exists and `if_exists` is `load`."""
    study, new = await parts.studies.create(body, by=client_of(request))
    response.status_code = 201 if new else 200
    with parts.engine.lock:
        return study_view(study)


@router.get("/v1/studies", response_model=StudyPage)
async def list_studies(parts: Parts, limit: Limit = 100, cursor: Cursor = None) -> Response:
    """All studies, by name; beside them those that cannot be read."""
    begins = read_cursor(cursor)
    studies, after = await parts.studies.page(begins, limit)
    unreadable = [UnreadableStudy(name=n, detail=why) for n, why in parts.studies.unreadable(begins, after).items()]
    items = [item for some in await parts.slices.all(study_slices(studies)) for item in some]
    return page_of(items, after, unreadable=unreadable)


@router.get("/v1/studies/{study}")
async def get_study(study: str, parts: Parts) -> Study:
    """One study: its spec, and what was changed since."""
    found = await parts.studies.get(study)
    await parts.studies.settled(found)
    with parts.engine.lock:
        return study_view(found)


@router.patch("/v1/studies/{study}")
async def patch_study(study: str, body: Annotated[StudyPatch, Body()], parts: Parts, request: Request) -> Study:
    """Change the budget, pause or stop a study, describe it."""
    found = await parts.studies.patch(study, body, by=client_of(request))
    with parts.engine.lock:
        return study_view(found)


@router.delete("/v1/studies/{study}", status_code=204)
async def delete_study(study: str, parts: Parts, request: Request) -> None:
    """Delete a study with all its trials."""
    await parts.studies.delete(study, by=client_of(request))
