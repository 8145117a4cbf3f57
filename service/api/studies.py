"""`/v1/studies`."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Body, Query, Response
from pydantic import WithJsonSchema

from lrtune.service.access.check import beyond_scope
from lrtune.service.access.errors import NotAllowed
from lrtune.service.api.container import Caller, Parts
from lrtune.service.api.http.bodies import JsonRoute
from lrtune.service.api.http.paging import Cursor, Limit, page_of, read_cursor
from lrtune.service.tuning.errors import InvalidField
from lrtune.service.tuning.views.studies import study_slices, study_view
from lrtune.service.wire.studies import NewStudy, Study, StudyPage, StudyPatch, UnreadableStudy
from lrtune.service.wire.tags import MOST_TAGS, parse_tags

router = APIRouter(route_class=JsonRoute, tags=["studies"])

_Tag = Annotated[str, WithJsonSchema({"type": "string", "pattern": "^[^=]+="})]
Tags = Annotated[
    Sequence[_Tag],
    Query(description="Those with this tag, KEY=VALUE; several times: with all of them.", max_length=MOST_TAGS),
]
Prefix = Annotated[str, Query(max_length=128, description="Those whose names begin so.")]


@router.post("/v1/studies", status_code=201, responses={200: {"model": Study}})
async def create_study(body: Annotated[NewStudy, Body()], parts: Parts, caller: Caller, response: Response) -> Study:
    """Create a study; 200 where it exists and `if_exists` is `load`: that a worker may, too."""
    _check_may_create(body, parts, caller)
    study, new = await parts.studies.create(body, shown=caller.sees, may_create=caller.may("admin"))
    response.status_code = 201 if new else 200
    with parts.engine.lock:
        return study_view(study, with_warnings=True)


@router.get("/v1/studies", response_model=StudyPage)
async def list_studies(
    parts: Parts, caller: Caller, limit: Limit = 100, cursor: Cursor = None, tag: Tags = (), prefix: Prefix = ""
) -> Response:
    """All studies that you may see, by name; beside them, without `tag`, those that cannot be read."""
    begins, tags = read_cursor(cursor), read_tags(tag)

    def shown(name: str) -> bool:
        return name.startswith(prefix) and caller.sees(name)

    studies, after = await parts.studies.page(begins, limit, shown, tags=tags)
    others = () if tags else parts.studies.unreadable(begins, after).items()
    unreadable = [UnreadableStudy(name=name, detail=why) for name, why in others if shown(name)]
    items = [item for some in await parts.slices.all(study_slices(studies)) for item in some]
    return page_of(items, after, unreadable=unreadable)


@router.get("/v1/studies/{study}")
async def get_study(study: str, parts: Parts) -> Study:
    """One study: its spec, and what was changed since."""
    found = await parts.studies.get(study)
    await parts.studies.settled(found)
    with parts.engine.lock:
        return study_view(found, with_warnings=True)


@router.patch("/v1/studies/{study}")
async def patch_study(study: str, body: Annotated[StudyPatch, Body()], parts: Parts, caller: Caller) -> Study:
    """Change the budget, pause or stop a study, describe it."""
    found = await parts.studies.patch(study, body, shown=caller.sees)
    with parts.engine.lock:
        return study_view(found, with_warnings=True)


@router.delete("/v1/studies/{study}", status_code=204)
async def delete_study(study: str, parts: Parts) -> None:
    """Delete a study with all its trials."""
    await parts.studies.delete(study)


def read_tags(given: Sequence[str]) -> frozenset[tuple[str, str]]:
    """The tags of `KEY=VALUE`; no study has two of one key. Raises InvalidField."""
    try:
        return frozenset(tag for text in given for tag in parse_tags([text]).items())
    except ValueError as error:
        raise InvalidField(("tag",), str(error)) from None


def _check_may_create(body: NewStudy, parts: Parts, caller: Caller) -> None:
    """Raises NotAllowed. Whether a study exists is told to those alone who may see it."""
    if not caller.sees(body.name):
        raise beyond_scope(caller, body.name)
    if caller.may("admin"):
        return
    if body.if_exists == "load" and body.name in parts.engine.study_names():
        return
    if body.if_exists == "load":
        raise NotAllowed(
            f"there is no study {body.name!r}, and the token {caller.prefix}… of role {caller.role} makes none: an "
            f"admin makes it with `lrtune study create {body.name}`"
        )
    raise NotAllowed(
        f"to create a study needs the role admin, and the token {caller.prefix}… has {caller.role}, which may load "
        'one that exists ("if_exists": "load")'
    )
