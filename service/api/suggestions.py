"""`/v1/studies/{study}/suggestion`."""

from fastapi import APIRouter

from service.api.container import Parts
from service.tuning.suggestion import suggest
from service.wire.studies import Suggestion

router = APIRouter(tags=["learning rates"])


@router.get("/v1/studies/{study}/suggestion")
async def get_suggestion(study: str, parts: Parts) -> Suggestion:
    """What to train with, on all that is known so far. Costs no trial; answers from a prior at first."""
    found = await parts.studies.get(study)
    await parts.studies.settled(found)
    with parts.engine.lock:
        return suggest(found)
