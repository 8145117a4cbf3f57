"""`/v1/schedules`."""

from functools import cache
from typing import Annotated

from fastapi import APIRouter, Body

from lrtune.service.api.http.bodies import JsonRoute
from lrtune.service.rates.schedules import ScheduleError, preview
from lrtune.service.tuning.errors import InvalidField
from lrtune.service.wire.schedules.catalogue import Preview, PreviewRequest, ScheduleList, schedule_list

router = APIRouter(route_class=JsonRoute, prefix="/v1/schedules", tags=["learning rates"])
_listed = cache(schedule_list)


@router.get("")
async def list_schedules() -> ScheduleList:
    """All schedules with their formulas and parameters."""
    return _listed()


# Not async: 100,000 rates take a while, and FastAPI runs plain functions in a thread.
@router.post("/preview")
def preview_schedule(body: Annotated[PreviewRequest, Body()]) -> Preview:
    """The learning rates of every step of a training, or of `points` of them. At most 100,000."""
    try:
        found = preview(
            body.schedule,
            base_learning_rate=body.base_learning_rate,
            total_steps=body.total_steps,
            points=body.points,
            metrics=body.metrics,
        )
    except ScheduleError as error:
        raise InvalidField(error.loc, error.message) from None
    thinned = len(found.steps) < body.total_steps
    return Preview(
        schedule=body.schedule,
        steps=list(found.steps) if thinned else None,
        learning_rates=list(found.learning_rates),
    )
