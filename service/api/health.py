"""`/healthz`, `/readyz`, `/metrics`."""

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from lrtune.service.api.container import Caller, Parts
from lrtune.service.api.http.problems import DOCUMENTED, problem
from lrtune.service.storage.errors import WriterBusy
from lrtune.service.tuning.views.samplers import failing_samplers

router = APIRouter(tags=["service"])


_READY = {
    "type": "object",
    "properties": {
        "ready": {"const": True},
        "storage": {"type": "string"},
        "schema": {"type": "string"},
        "writer": {"type": "string"},
        "shards": {"type": "integer", "format": "int64"},
        "insecure": {"type": "boolean"},
        "unreadable_studies": {"type": "object", "additionalProperties": {"type": "string"}},
        "failing_samplers": {"type": "object"},
    },
    "required": ["ready", "storage", "schema", "writer"],
}
_IS_READY = {"ready": True, "storage": "reachable", "schema": "current", "writer": "held"}
_METRIC = """\
# HELP lrtune_reports_total Reports that were committed.
# TYPE lrtune_reports_total counter
lrtune_reports_total 912.0
"""


@router.get("/healthz", responses={200: {"content": {"application/json": {"example": {"status": "alive"}}}}})
async def healthz() -> dict[str, str]:
    """The process is alive."""
    return {"status": "alive"}


@router.get(
    "/readyz",
    responses={
        200: {"content": {"application/json": {"schema": _READY, "example": _IS_READY}}},
        503: {
            "description": "standby, not-ready, storage-unavailable, shutting-down, too-many-connections",
            "content": DOCUMENTED[503]["content"],
        },
    },
)
async def readyz(request: Request, parts: Parts, caller: Caller) -> JSONResponse:
    """Ready to serve: the storage answers, its schema is this version's, this process is the writer.

    `unreadable_studies` names those that cannot be read, with why; all others are served.
    `failing_samplers` names the studies whose sampler failed or took too long of late, with the reason and how often;
    their trials are drawn otherwise, and all are served. Both are told to those alone who may see all studies.
    `shards` is there where several processes serve the database: how many of the 64 are this one's. It is ready with
    none, too, and sends requests on.
    `insecure` is there, and true, where other machines reach the service and no token is asked of them.
    """
    storage, schema = await parts.look.told()
    engine = parts.engine
    writer = "held" if engine.state == "active" else engine.state
    parts_of_it: dict[str, object] = {"storage": storage, "schema": schema, "writer": writer}
    if engine.keeper is not None:
        parts_of_it["shards"] = len(engine.mirrors.shards.numbers)
    if request.app.state.insecure and not parts.access.registry.tokens():
        parts_of_it["insecure"] = True
    if storage == "reachable" and schema == "current" and writer == "held":
        more: dict[str, Any] = {}
        if caller.everywhere:
            more = {"unreadable_studies": engine.unreadable(), "failing_samplers": failing_samplers(engine)}
        return JSONResponse({"ready": True, **parts_of_it, **{name: told for name, told in more.items() if told}})
    detail = engine.database.concealed(str(engine.failure or "the storage is not ready yet; try again"))
    kind = "standby" if isinstance(engine.failure, WriterBusy) else "not-ready"
    return problem(503, kind, "Not ready", detail, more={"ready": False, **parts_of_it}, headers={"Retry-After": "1"})


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}, "example": _METRIC}}}},
)
async def metrics(parts: Parts) -> Response:
    """Prometheus metrics."""
    parts.metrics.engine.look(parts.engine)
    await parts.metrics.sizes.look(parts.engine.database)
    return Response(parts.metrics.render(), media_type="text/plain; version=0.0.4; charset=utf-8")
