"""`/`: all studies that one may see."""

from dataclasses import replace
from functools import partial

from fastapi import APIRouter, Request, Response

from lrtune.service.api.container import Caller, Parts
from lrtune.service.sentences.listing import MOST_COMPARED, found
from lrtune.service.tuning.listing.choice import DOWN_FIRST, STATES, Choice, Column
from lrtune.service.web.pages import page
from lrtune.service.web.studies.query import address_of, choice_of
from lrtune.service.web.studies.shown import shown_row

router = APIRouter(include_in_schema=False)

_HEADS: tuple[tuple[Column, str, str], ...] = (
    ("name", "Study", ""),
    ("state", "State", ""),
    ("progress", "Progress", ""),
    ("best", "Best", "number"),
    ("rate", "Suggested rate", "number"),
    ("workers", "Workers", "number"),
    ("changed", "Changed", ""),
    ("created", "Created", ""),
)


@router.get("/")
async def studies_page(request: Request, parts: Parts, caller: Caller) -> Response:
    """The list; where there is no study, what to type."""
    choice = choice_of(request.query_params)
    listed = await parts.listing.page(choice, caller.sees)
    now = parts.engine.clock()
    return page(
        request,
        "studies.html",
        here="/",
        events=f"{request.scope.get('root_path', '')}/v1/events",
        choice=choice,
        listed=listed,
        rows=[shown_row(row, now) for row in listed.rows],
        counted=found(listed.found, listed.studies),
        states=STATES,
        heads=[(column, name, css, _sorted(choice, column)) for column, name, css in _HEADS],
        link=partial(_link, choice),
        most_compared=MOST_COMPARED,
        service=str(request.base_url).rstrip("/"),
    )


def _sorted(choice: Choice, column: Column) -> str:
    """The address by which the list is sorted by a column, the other way round where it already is."""
    down = not choice.down if choice.sort == column else column in DOWN_FIRST
    return address_of(replace(choice, sort=column, down=down, page=1))


def _link(choice: Choice, number: int) -> str:
    """The address of another page of the list."""
    return address_of(replace(choice, page=number))
