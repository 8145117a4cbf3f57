"""`/v1/studies/{study}/response`."""

from fastapi import APIRouter

from lrtune.service.api.container import Parts
from lrtune.service.tuning.suggesting.response import response
from lrtune.service.wire.responses import LearningRateResponse

router = APIRouter(tags=["learning rates"])


@router.get("/v1/studies/{study}/response")
async def get_response(study: str, parts: Parts) -> LearningRateResponse:
    """The metric over the learning rate: points, a fitted mean and band on a log grid, and where it diverges."""
    return await response(parts.engine, parts.studies, study)
