"""`/v1/studies/{study}/health`: questions about a study, and what is measured of each."""

from fastapi import APIRouter

from lrtune.service.api.container import Parts
from lrtune.service.tuning.health.health import health_of
from lrtune.service.wire.health import StudyHealth

router = APIRouter(tags=["studies"])


@router.get("/v1/studies/{study}/health")
async def get_health(study: str, parts: Parts) -> StudyHealth:
    """Whether the search works: a card a question, green only where that was measured. Worked out at most once in some
    seconds."""
    found = await parts.studies.get(study)
    await parts.studies.settled(found)
    return await health_of(parts.engine, found, parts.slices.in_thread)
