"""`/range-test`: what a range test says that somebody pastes; `/studies/{study}/range-tests/{number}`: a kept one."""

import json
from functools import partial
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Body, Path, Request, Response
from pydantic import StringConstraints, ValidationError

from lrtune.service.api.container import Container, Parts
from lrtune.service.api.http.bodies import JsonRoute
from lrtune.service.pictures.drawing.plotly_figure import figure
from lrtune.service.pictures.parts import Picture
from lrtune.service.pictures.rate.range_test import range_test_picture
from lrtune.service.sentences import range_test_rules as say
from lrtune.service.sentences.words import between, rate
from lrtune.service.tuning.errors import InvalidField
from lrtune.service.tuning.suggesting.range_tests import analysed
from lrtune.service.web.pages import page
from lrtune.service.web.study.told import Told
from lrtune.service.web.tools.example import example
from lrtune.service.web.tools.table import Table, Unreadable, read_table
from lrtune.service.wire.base import Body as BodyModel
from lrtune.service.wire.base import Storable
from lrtune.service.wire.range_tests import RangeTest, RangeTestBody, RangeTestFindings

router = APIRouter(include_in_schema=False, route_class=JsonRoute)

_LONGEST = 2**20
"""Characters of a table; a body is no larger."""


class Pasted(BodyModel):
    """The body of the two `POST` here."""

    text: Annotated[Storable, StringConstraints(max_length=_LONGEST)]
    """CSV or JSON, as it was pasted or read from a file."""


@router.get("/range-test")
async def range_test_page(request: Request) -> Response:
    """A field to paste into; a script does the rest."""
    return page(request, "tools/range_test.html", here="/range-test", example=example())


@router.post("/range-test/found")
async def range_test_found(body: Annotated[Pasted, Body()], request: Request, parts: Parts) -> Response:
    """What is in the text and what it says, as a part of the page. Raises InvalidField, naming the line."""
    table, found = await _analysed(body, parts)
    points = f"{len(table.learning_rates)} rates"
    if len(table.losses) > 1:
        points += f", {len(table.losses)} seeds"
    return page(request, "tools/range_test_found.html", told=tell_findings(found), read=points)


@router.post("/pictures/range-test")
async def range_test_drawn(body: Annotated[Pasted, Body()], parts: Parts) -> Response:
    """The picture of the text, as plotly draws it. Raises InvalidField, naming the line."""
    table, found = await _analysed(body, parts)
    drawn = await parts.slices.in_thread(partial(_drawn, _picture(table.learning_rates, table.losses, found)))
    return Response(drawn, media_type="application/json")


@router.get("/studies/{study}/range-tests/{number}")
async def kept_range_test_page(
    study: str, number: Annotated[int, Path(ge=0, lt=2**31)], request: Request, parts: Parts
) -> Response:
    """A range test that is kept with a study. Raises StudyNotFound, RangeTestNotFound."""
    found = await parts.range_tests.get(study, number)
    root = request.scope.get("root_path", "")
    name = quote(study, safe="")
    where: Told = {"address": f"{root}/studies/{name}", "api": f"{root}/v1/studies/{name}/range-tests/{number}"}
    return page(request, "tools/kept_range_test.html", study=study, test=found, told=tell_findings(found), **where)


def tell_findings(found: RangeTestFindings) -> Told:
    """What the template `range_test_findings` is told."""
    rules = found.suggestions.model_dump()
    return {
        "recommended": None if found.recommended is None else rate(found.recommended),
        "bounds": None if found.bounds is None else between(*found.bounds),
        "diverged_at": None if found.diverged_at is None else rate(found.diverged_at),
        "rules": [(title, what, _or_dash(rules[name])) for name, (title, what) in say.RULES.items()],
        "reason": found.reason,
        "warnings": found.warnings,
        "say": say,
    }


def _or_dash(value: float | None) -> str:
    return "–" if value is None else rate(value)


async def _analysed(body: Pasted, parts: Container) -> tuple[Table, RangeTest]:
    """Off the event loop. Raises InvalidField."""
    table, checked = await parts.slices.in_thread(partial(_read, body.text))
    return table, await analysed(checked)


def _read(text: str) -> tuple[Table, RangeTestBody]:
    try:
        table = read_table(text)
        return table, RangeTestBody.model_validate(table.body)
    except Unreadable as error:
        raise InvalidField(("text",), str(error)) from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = str(first["loc"][0]) if first["loc"] else "text"
        raise InvalidField(("text",), f"{where} {str(first['msg']).removeprefix('Value error, ')}") from None


def _picture(rates: list[float], losses: list[list[float]], found: RangeTest) -> Picture:
    return range_test_picture(rates, losses, found, found.suggestions.model_dump(), title="Range test")


def _drawn(picture: Picture) -> bytes:
    return json.dumps(figure(picture), allow_nan=False).encode()
