"""`/studies/{study}/pictures/{picture}`: the pictures of a study as plotly draws them.

A picture is worked out for one who looks, and the same bytes go to all others (`kept`).
"""

import asyncio
import hashlib
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Header, HTTPException, Query, Request, Response

from lrtune.service.api.container import Container, Parts
from lrtune.service.pictures.drawing.plotly_figure import figure
from lrtune.service.pictures.drawing.svg_figure import svg
from lrtune.service.pictures.parts import Picture
from lrtune.service.storage.memory.study import StudyMirror
from lrtune.service.web.kept import headers_of, kept_of
from lrtune.service.web.pictures.progress import best_so_far_of, curves_of, reached_of, spending_of
from lrtune.service.web.pictures.rate import range_test_of, response_of, schedules_of
from lrtune.service.web.pictures.space import importance_of, parallel_of, parameter_of, parameters_of
from lrtune.service.web.pictures.trial import curve_of, life_of_trial
from lrtune.service.web.shown_suggestion import another_is_known, hold

_log = logging.getLogger(__name__)

router = APIRouter(include_in_schema=False)

Make = Callable[[Container, StudyMirror, Request], Awaitable[Picture]]
_FIRST_LOOK_SECONDS = 0.5

PICTURES: dict[str, Make] = {
    "response": response_of,
    "curves": curves_of,
    "range-test": range_test_of,
    "schedules": schedules_of,
    "parameters": parameters_of,
    "parameter": parameter_of,
    "importance": importance_of,
    "parallel": parallel_of,
    "best": best_so_far_of,
    "rungs": reached_of,
    "budget": spending_of,
    "trial": curve_of,
    "life": life_of_trial,
}
"""By the name in the address."""


_OF_ANSWER = ("response",)
"""Those that show the suggestion, beside the card that does."""
_ASKED = ("by", "columns", "log", "number", "over", "parameter", "schedule")
_OLD_SECONDS = 30.0
"""A running trial's life goes on, though nothing is reported."""


@router.get("/studies/{study}/pictures/{picture}")
async def get_picture(
    study: str,
    picture: str,
    request: Request,
    parts: Parts,
    if_none_match: Annotated[str | None, Header()] = None,
    columns: Annotated[int | None, Query(ge=1, le=6)] = None,
) -> Response:
    """What plotly draws: `{"data": [...], "layout": {...}}`; 304 to who has it as it is. A narrow page asks for fewer
    panels in a row, `?columns=1`."""
    make = PICTURES.get(picture)
    found = await parts.studies.get(study)
    if make is None:
        raise HTTPException(404)
    await parts.studies.settled(found)

    async def drawn() -> bytes:
        made = await make(parts, found, request)
        made = replace(made, columns=min(made.columns, columns or made.columns))
        return await parts.slices.in_thread(lambda: json.dumps(figure(made), allow_nan=False).encode())

    held = await hold(parts, found) if picture in _OF_ANSWER else 0
    body, stale = await kept_of(request).get(found, f"{_key(picture, request)} {held}", drawn, old_after=_OLD_SECONDS)
    with parts.engine.lock:
        stale = stale or (bool(held) and another_is_known(found))
    tag = f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache", **headers_of(stale, parts.events.viewers(found))}
    if if_none_match is not None and tag in if_none_match:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/json", headers=headers)


def _key(picture: str, request: Request) -> str:
    """What tells a picture from others of its study: of the query, the parameters that pictures know."""
    asked = request.query_params
    known = [(name, value) for name in _ASKED for value in asked.getlist(name)]
    return f"{picture} {json.dumps(known)}"


async def first_look(parts: Container, study: StudyMirror, picture: str, request: Request) -> str:
    """A picture as SVG, for a page to begin with; nothing where it would have to be waited for, and where it fails: the
    script that asks for it tells. The page's own query is not the picture's."""
    plain = Request(dict(request.scope, query_string=b""))

    async def drawn() -> bytes:
        made = await PICTURES[picture](parts, study, plain)
        return (await parts.slices.in_thread(lambda: svg(made))).encode()

    try:
        async with asyncio.timeout(_FIRST_LOOK_SECONDS):
            held = await hold(parts, study) if picture in _OF_ANSWER else 0
            body, _ = await kept_of(request).get(study, f"svg {picture} {held}", drawn, old_after=_OLD_SECONDS)
    except TimeoutError:
        return ""
    except Exception:
        _log.exception("the first picture of study %s could not be drawn", study.name)
        return ""
    return body.decode()
