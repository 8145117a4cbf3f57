"""`/v1/scaling`."""

import dataclasses
from typing import Annotated

from fastapi import APIRouter, Body

from lrtune.service.api.http.bodies import JsonRoute
from lrtune.service.rates.scaling import scale
from lrtune.service.tuning.suggesting.range_tests import refusals
from lrtune.service.wire.scaling import ScalingBody, ScalingReply

router = APIRouter(route_class=JsonRoute, tags=["learning rates"])


@router.post("/v1/scaling")
async def scale_learning_rate(body: Annotated[ScalingBody, Body()]) -> ScalingReply:
    """Move a learning rate to another batch size or training length: the rate, the rule, its reason, its limits."""
    with refusals():
        scaled = scale(**body.model_dump())
    return ScalingReply.model_validate(dataclasses.asdict(scaled))
