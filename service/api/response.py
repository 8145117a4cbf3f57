"""`/v1/studies/{study}/response`."""

from fastapi import APIRouter

from service.api.container import Parts
from service.tuning.response import response
from service.wire.responses import LearningRateResponse

router = APIRouter(tags=["learning rates"])


@router.get("/v1/studies/{study}/response")
async def get_response(study: str, parts: Parts) -> LearningRateResponse:
    """The metric over the learning rate: points, a fitted mean and band on a log grid, and where it diverges."""
    return await response(parts.engine, parts.studies, study)
