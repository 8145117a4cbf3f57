"""`/schedules`: schedules over each other, in words, and as code."""

import json
from dataclasses import dataclass
from functools import partial
from typing import Any

from fastapi import APIRouter, Request, Response

from lrtune.service.api.container import Caller, Parts
from lrtune.service.pictures.drawing.plotly_figure import figure
from lrtune.service.pictures.rate.schedules import schedules_picture
from lrtune.service.rates.schedules import RunningSchedule, SchedulePreview
from lrtune.service.rates.schedules.code import optax_code, shortest_form, torch_code
from lrtune.service.rates.schedules.course import LOOKED_AT, course
from lrtune.service.rates.schedules.told import told
from lrtune.service.sentences.schedules import NO_OPTAX
from lrtune.service.tuning.errors import InvalidField
from lrtune.service.web.pages import page
from lrtune.service.web.study.code import Snippet
from lrtune.service.web.tools.of_study import taken_from
from lrtune.service.web.tools.schedule_query import MOST, Asked, asked_for, beginning

router = APIRouter(include_in_schema=False)

_DRAWN = 1_001
"""Points of a line."""


@dataclass(frozen=True)
class Told:
    """What is said of one schedule."""

    label: str
    words: str
    snippets: list[Snippet]


@router.get("/schedules")
async def schedules_page(request: Request, parts: Parts, caller: Caller, study: str = "") -> Response:
    """What the address says; what is not right with it is said on the page. Raises NotAllowed, StudyNotFound."""
    taken = await taken_from(parts, caller, study)
    rate = None if taken is None else taken.learning_rate
    shown: list[Told] = []
    wrong, status = None, 200
    try:
        asked = asked_for(request.query_params, rate)
        shown = await parts.slices.in_thread(partial(_tell, asked))
    except InvalidField as error:
        asked, wrong, status = beginning(rate), str(error), 422
    more: dict[str, Any] = {
        "state": asked.state,
        "taken": taken,
        "most": MOST,
        "query": request.url.query,
    }
    return page(request, "tools/schedules.html", status, here="/schedules", shown=shown, wrong=wrong, **more)


@router.get("/schedules/told")
async def schedules_told(request: Request, parts: Parts) -> Response:
    """The words and the code alone. Raises InvalidField: `s`, which one, and the parameter."""
    asked = asked_for(request.query_params, None)
    return page(request, "tools/schedules_told.html", shown=await parts.slices.in_thread(partial(_tell, asked)))


@router.get("/pictures/schedules")
async def schedules_drawn(request: Request, parts: Parts) -> Response:
    """The picture, as plotly draws it. Raises InvalidField."""
    asked = asked_for(request.query_params, None)
    return Response(await parts.slices.in_thread(partial(_draw, asked)), media_type="application/json")


def _draw(asked: Asked) -> bytes:
    shown = asked.previews(_DRAWN)
    picture = schedules_picture(shown, title="Schedules", log=asked.log, steps_per_epoch=asked.steps_per_epoch)
    return json.dumps(figure(picture), allow_nan=False).encode()


def _tell(asked: Asked) -> list[Told]:
    found = asked.previews(LOOKED_AT)
    return [_tell_one(asked, at, label, found[label]) for at, label in enumerate(asked.labels)]


def _tell_one(asked: Asked, at: int, label: str, seen: SchedulePreview) -> Told:
    schedule, rate, steps = asked.schedules[at], asked.learning_rate, asked.total_steps
    takes_metrics = RunningSchedule(schedule, base_learning_rate=rate, total_steps=steps).takes_metrics
    found = course(seen.steps, seen.learning_rates, steps)
    optax = optax_code(schedule, base_learning_rate=rate, total_steps=steps)
    snippets = [
        Snippet("json", "JSON", json.dumps(shortest_form(schedule), ensure_ascii=False)),
        Snippet("torch", "torch", torch_code(schedule, base_learning_rate=rate, total_steps=steps)),
        Snippet("optax", "optax", optax or f"# {NO_OPTAX}"),
    ]
    return Told(label, told(found, asked.steps_per_epoch, takes_metrics=takes_metrics), snippets)
