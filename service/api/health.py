"""`/healthz`, `/readyz`, `/metrics`."""

import asyncio

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from lrtune.service.api.container import Parts
from lrtune.service.api.http.problems import problem
from lrtune.service.storage.errors import StorageError, WriterBusy
from lrtune.service.storage.maintenance.upgrade import is_current
from lrtune.service.tuning.views.samplers import failing_samplers

router = APIRouter(tags=["service"])

_CHECK_TIMEOUT_SECONDS = 3.0


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """The process is alive."""
    return {"status": "alive"}


@router.get("/readyz", responses={503: {"description": "Not ready; the body says why."}})
async def readyz(parts: Parts) -> JSONResponse:
    """Ready to serve: the storage answers, its schema is this version's, this process is the writer.

    `unreadable_studies` names those that cannot be read, with why; all others are served.
    `failing_samplers` names the studies whose sampler failed or took too long of late, with the reason and how often;
    their trials are drawn otherwise, and all are served.
    """
    storage, schema = "reachable", "unknown"
    try:
        async with asyncio.timeout(_CHECK_TIMEOUT_SECONDS):
            schema = "current" if await asyncio.to_thread(is_current, parts.engine.database) else "outdated"
    except (StorageError, TimeoutError) as error:
        why = parts.engine.database.concealed(str(error))
        storage = f"away: {why}" if why else "away: it does not answer in time"
    engine = parts.engine
    writer = "held" if engine.state == "active" else engine.state
    parts_of_it = {"storage": storage, "schema": schema, "writer": writer}
    if storage == "reachable" and schema == "current" and writer == "held":
        more = {"unreadable_studies": engine.unreadable(), "failing_samplers": failing_samplers(engine)}
        return JSONResponse({"ready": True, **parts_of_it, **{name: told for name, told in more.items() if told}})
    detail = engine.database.concealed(str(engine.failure or "the storage is not ready yet; try again"))
    kind = "standby" if isinstance(engine.failure, WriterBusy) else "not-ready"
    return problem(503, kind, "Not ready", detail, more={"ready": False, **parts_of_it}, headers={"Retry-After": "1"})


@router.get("/metrics", response_class=Response)
async def metrics(parts: Parts) -> Response:
    """Prometheus metrics."""
    parts.metrics.writer.set(parts.engine.state == "active")
    return Response(parts.metrics.render(), media_type="text/plain; version=0.0.4; charset=utf-8")
