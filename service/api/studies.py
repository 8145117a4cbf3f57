"""`/v1/studies`."""

from typing import Annotated

from fastapi import APIRouter, Body, Response

from lrtune.service.api.container import Parts
from lrtune.service.api.paging import Cursor, Limit, read_cursor, show_cursor
from lrtune.service.tuning.views.studies import study_view
from lrtune.service.wire.studies import NewStudy, Study, StudyPage, StudyPatch, UnreadableStudy

router = APIRouter(tags=["studies"])


@router.post("/v1/studies", status_code=201, responses={200: {"model": Study}})
async def create_study(body: Annotated[NewStudy, Body()], parts: Parts, response: Response) -> Study:
    """Create a study; 200 where it exists and `if_exists` is `load`."""
    study, new = await parts.studies.create(body)
    response.status_code = 201 if new else 200
    with parts.engine.lock:
        return study_view(study)


@router.get("/v1/studies")
async def list_studies(parts: Parts, limit: Limit = 100, cursor: Cursor = None) -> StudyPage:
    """All studies, by name; beside them those that cannot be read."""
    begins = read_cursor(cursor)
    studies, after = await parts.studies.page(begins, limit)
    unreadable = [UnreadableStudy(name=n, detail=why) for n, why in parts.studies.unreadable(begins, after).items()]
    with parts.engine.lock:
        items = [study_view(study) for study in studies]
    return StudyPage(items=items, next_cursor=show_cursor(after), unreadable=unreadable)


@router.get("/v1/studies/{study}")
async def get_study(study: str, parts: Parts) -> Study:
    """One study: its spec, and what was changed since."""
    found = await parts.studies.get(study)
    await parts.studies.settled(found)
    with parts.engine.lock:
        return study_view(found)


@router.patch("/v1/studies/{study}")
async def patch_study(study: str, body: Annotated[StudyPatch, Body()], parts: Parts) -> Study:
    """Change the budget, pause or stop a study, describe it."""
    found = await parts.studies.patch(study, body)
    with parts.engine.lock:
        return study_view(found)


@router.delete("/v1/studies/{study}", status_code=204)
async def delete_study(study: str, parts: Parts) -> None:
    """Delete a study with all its trials."""
    await parts.studies.delete(study)
