"""`/v1/studies/{study}/status`: what dashboards poll."""

import time
from typing import Annotated

from fastapi import APIRouter, Header, Query, Response

from lrtune.service.api.container import Parts
from lrtune.service.storage.memory.study import StudyMirror
from lrtune.service.tuning.suggesting.suggestion import prepare
from lrtune.service.tuning.views.studies import status_view
from lrtune.service.wire.studies import StudyStatus

_BEHIND = 0.01
"""The suggestion may lack this share of the finished trials: none of the first hundred."""

router = APIRouter(tags=["studies"])


@router.get("/v1/studies/{study}/status", response_model=StudyStatus, responses={304: {"description": "Not modified"}})
async def get_status(
    study: str,
    parts: Parts,
    if_none_match: Annotated[str | None, Header()] = None,
    wait_seconds: Annotated[float, Query(ge=0, le=60, description="Wait so long for a change.")] = 0,
    after: Annotated[int | None, Query(description="The version that is known already.")] = None,
) -> Response:
    """The study at a glance. Cheap: send the `ETag` back in `If-None-Match` and get 304 while nothing changed.

    With `wait_seconds` and `after`, the answer waits until the study has a later version.
    """
    found = await parts.studies.get(study)
    if after is not None and wait_seconds:
        found = await _wait_for_change(parts, found, after, wait_seconds)
    await prepare(parts.engine, found, behind=_BEHIND)
    await parts.studies.settled(found)
    with parts.engine.lock:
        tag = f'"{found.study_id}.{found.version}"'
        if if_none_match is not None and tag in if_none_match:
            return Response(status_code=304, headers={"ETag": tag})
        body = status_view(found).model_dump_json()
    return Response(body, media_type="application/json", headers={"ETag": tag, "Cache-Control": "no-cache"})


async def _wait_for_change(parts: Parts, study: StudyMirror, after: int, wait_seconds: float) -> StudyMirror:
    deadline = time.monotonic() + wait_seconds
    while study.version <= after:
        left = deadline - time.monotonic()
        if left <= 0 or not await parts.watchers.wait(study.study_id, left):
            break
        study = await parts.studies.get(study.name)
    return study
