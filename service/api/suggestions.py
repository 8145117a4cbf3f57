"""`/v1/studies/{study}/suggestion` and `/v1/suggestions`."""

from typing import Annotated

from fastapi import APIRouter, Body

from lrtune.service.api.container import Caller, Parts
from lrtune.service.api.http.bodies import JsonRoute
from lrtune.service.tuning.suggesting.suggestion import latest, prepare
from lrtune.service.tuning.suggesting.without_study import suggest_without_study
from lrtune.service.wire.priors import SuggestionBody
from lrtune.service.wire.studies import Suggestion

router = APIRouter(route_class=JsonRoute, tags=["learning rates"])


@router.get("/v1/studies/{study}/suggestion")
async def get_suggestion(study: str, parts: Parts) -> Suggestion:
    """What to train with, on all that is known so far. Costs no trial; answers from a prior at first."""
    found = await parts.studies.get(study)
    await prepare(parts.engine, found)
    await parts.studies.settled(found)
    with parts.engine.lock:
        return latest(found)


@router.post("/v1/suggestions")
async def suggest_from_history(body: Annotated[SuggestionBody, Body()], parts: Parts, caller: Caller) -> Suggestion:
    """What to train with where there is no study yet: from past studies that you may see, else what is usual."""
    return await suggest_without_study(parts.engine, body, caller.sees)
