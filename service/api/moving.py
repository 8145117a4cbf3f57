"""`/v1/studies/{study}/export` and `…/import`: a study from one service to another."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Body
from fastapi.responses import StreamingResponse

from lrtune.service.api.container import Parts
from lrtune.service.api.http.bodies import JsonRoute
from lrtune.service.tuning.moving.exporting import Exporting, Unread
from lrtune.service.wire.examples.moving import EXPORTED
from lrtune.service.wire.study_lines import MEDIA_TYPE, ImportBatch, ImportProgress

router = APIRouter(route_class=JsonRoute, prefix="/v1/studies/{study}", tags=["studies"])


@router.get(
    "/export", response_class=StreamingResponse, responses={200: {"content": {MEDIA_TYPE: {"example": EXPORTED}}}}
)
async def export_study(study: str, parts: Parts) -> StreamingResponse:
    """All that is known of a study as JSON lines, for `POST …/import` of any service. The last line says how much there
    is: an answer without it was cut off."""
    found = await parts.studies.get(study)
    await parts.studies.settled(found)
    exporting = Exporting(parts.engine, found)

    async def lines() -> AsyncIterator[bytes]:
        async for part in parts.slices.each(exporting.parts()):
            make = await asyncio.to_thread(part.read) if isinstance(part, Unread) else part.make
            yield await parts.slices.in_thread(make)

    name = f'attachment; filename="{found.name}.jsonl"'
    return StreamingResponse(lines(), media_type=MEDIA_TYPE, headers={"Content-Disposition": name})


@router.post("/import")
async def import_study(study: str, body: Annotated[ImportBatch, Body()], parts: Parts) -> ImportProgress:
    """Take in lines of an export, in their order, at most 100 at a time; the first of them makes the study. Nobody is
    shown it before the last is in. Lines that came before change nothing: whoever was cut off begins anew, and goes on
    after the `lines` of the answer."""
    return await parts.imports.take(study, body)
