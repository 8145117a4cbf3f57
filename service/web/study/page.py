"""`/studies/{study}`, and its parts one by one."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, HTTPException, Request, Response
from markupsafe import Markup

from lrtune.service.access.principal import Principal
from lrtune.service.api.container import Caller, Container, Parts
from lrtune.service.storage.memory.study import StudyMirror
from lrtune.service.tuning.views.studies import study_view
from lrtune.service.web.kept import headers_of, kept_of
from lrtune.service.web.pages import FRAGMENT_HEADERS, fragment, page
from lrtune.service.web.paths import study_paths
from lrtune.service.web.pictures.routes import first_look
from lrtune.service.web.shown_suggestion import another_is_known, hold
from lrtune.service.web.study import parts as study_parts
from lrtune.service.web.study.take_away import take_away
from lrtune.service.web.study.trials import asked_of, sensible
from lrtune.service.wire.learning_rates import main_learning_rate
from lrtune.service.wire.search_space import CategoricalParameter

router = APIRouter(include_in_schema=False)

_FEW_CHOICES = 8


@router.get("/studies/{study}")
async def study_page(study: str, request: Request, parts: Parts, caller: Caller) -> Response:
    """All of it, as it is now; scripts keep it so."""
    found = await parts.studies.get(study)
    version = found.version
    shown, asked = {}, sensible(request.query_params)
    for name in study_parts.names():
        body, _ = await _part(name, found, request, parts, caller, asked)
        shown[name] = Markup(body.decode())  # Made by a template of ours.
    drawn = await first_look(parts, found, "response", request)
    taken = take_away(study, str(request.base_url).rstrip("/"), has_tokens=caller.token_id is not None)
    with parts.engine.lock:
        spec = study_view(found)
    more: dict[str, Any] = {"spec": spec, "rate": main_learning_rate(spec.search_space), "choices": _choices(found)}
    more |= {"taken": taken, "drawn": drawn, "version": version, "asked": urlencode(asked)}
    return page(request, "study.html", study=found, parts=shown, **more, **study_paths(request, study))


@router.get("/studies/{study}/parts/{part}")
async def study_part(study: str, part: str, request: Request, parts: Parts, caller: Caller) -> Response:
    """One part of it."""
    found = await parts.studies.get(study)
    if part not in study_parts.names():
        raise HTTPException(404)
    body, stale = await _part(part, found, request, parts, caller, asked_of(request.query_params))
    headers = headers_of(stale, parts.events.viewers(found)) | FRAGMENT_HEADERS
    return Response(body, media_type="text/html", headers=headers)


async def _part(
    name: str, study: StudyMirror, request: Request, parts: Container, caller: Principal, asked: Mapping[str, str]
) -> tuple[bytes, bool]:
    """A part, the same for all who may do the same; and whether it is stale."""
    where = study_paths(request, study.name)

    async def made() -> bytes:
        told = await study_parts.tell(name, parts, study, caller, asked)
        return fragment(f"parts/{name}.html", caller=caller, study=study, told=told, **where)

    held = await hold(parts, study) if name == "answer" else 0
    query = urlencode(asked) if name in study_parts.ASKED_PARTS else ""
    key = f"part {name} {held} {where['root']} {caller.may('admin')} {query}"
    body, stale = await kept_of(request).get(study, key, made)
    with parts.engine.lock:
        return body, stale or (bool(held) and another_is_known(study))


def _choices(study: StudyMirror) -> list[str]:
    """The parameters with few choices, by which a picture may be split."""
    assert study.spec is not None
    return [
        name
        for name, one in study.spec.search_space.items()
        if isinstance(one, CategoricalParameter) and 1 < len(one.choices) <= _FEW_CHOICES
    ]
