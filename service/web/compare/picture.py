"""`/pictures/compare?study=a&study=b`: a few studies on one picture."""

import json
from typing import Annotated

from fastapi import APIRouter, Query, Response

from lrtune.service.access.check import beyond_scope
from lrtune.service.api.container import Caller, Container, Parts
from lrtune.service.pictures.drawing.plotly_figure import figure
from lrtune.service.pictures.progress.compare import FEWEST, MOST, Compared, compare_picture
from lrtune.service.tuning.errors import InvalidField
from lrtune.service.tuning.suggesting.suggestion import prepare
from lrtune.service.tuning.views.drawn.progress import compared

router = APIRouter(include_in_schema=False)


@router.get("/pictures/compare")
async def get_comparison(parts: Parts, caller: Caller, study: Annotated[list[str] | None, Query()] = None) -> Response:
    """What plotly draws of these studies. Each must be in the caller's scope."""
    names = list(dict.fromkeys(study or []))
    if not FEWEST <= len(names) <= MOST:
        raise InvalidField(("study",), f"name {FEWEST} to {MOST} studies, not {len(names)}: ?study=one&study=other")
    for name in names:
        if not caller.sees(name):
            raise beyond_scope(caller, name)
    seen = [await _compared(parts, name) for name in names]
    body = await parts.slices.in_thread(lambda: json.dumps(figure(compare_picture(seen)), allow_nan=False).encode())
    return Response(body, media_type="application/json", headers={"Cache-Control": "no-cache"})


async def _compared(parts: Container, name: str) -> Compared:
    found = await parts.studies.to_look_at(name)
    await prepare(parts.engine, found)
    if not found.elsewhere:
        await parts.studies.settled(found)
    with parts.engine.lock:
        return compared(found)
