"""`/v1/studies/{study}/trials`: what workers and readers of trials call."""

from functools import partial
from itertools import chain
from typing import Annotated

from fastapi import APIRouter, Body, Path, Query, Response
from fastapi.responses import StreamingResponse
from starlette.routing import Match
from starlette.types import Scope

from lrtune.service.api.container import Parts
from lrtune.service.api.http.bodies import JsonRoute
from lrtune.service.api.http.paging import Cursor, Limit, page_of, read_cursor
from lrtune.service.tuning.suggesting.peers import peers_slices
from lrtune.service.tuning.suggesting.suggestion import prepare
from lrtune.service.tuning.views.curves import look_at_trial
from lrtune.service.tuning.views.trials import TrialPaging, csv_slices, trial_view
from lrtune.service.wire.trials import (
    FEWEST_POINTS,
    Ask,
    AskReply,
    Enqueue,
    Heartbeat,
    LeasedTrial,
    Record,
    Release,
    Reports,
    Result,
    Trial,
    TrialPage,
    TrialState,
    TrialWithCurve,
    Verdict,
)


class _TrialsRoute(JsonRoute):
    """`trials/enqueue` is no trial of the number `enqueue`, and takes no GET."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether it answers a request."""
        match, found = super().matches(scope)
        no_number = match is not Match.NONE and found["path_params"].get("number") in ("enqueue", "record")
        return (Match.NONE, {}) if no_number else (match, found)


router = APIRouter(route_class=_TrialsRoute, prefix="/v1/studies/{study}", tags=["trials"])
Number = Annotated[int, Path(ge=0, lt=2**31)]

_CSV = {
    "schema": {"type": "string"},
    "example": "number,state,value,standard_error,attempt,worker,step,max_steps,started_at,finished_at,"
    "duration_seconds,error,params.learning_rate\r\n"
    "0,complete,0.51,,1,gpu-1:4242,9,9,2026-03-01T12:00:00Z,2026-03-01T12:03:20Z,200.0,,0.0018\r\n",
}
_BEHIND = 0.2
"""The suggestion that a diagnosis knows may lack this share of the finished trials: a worker asks after each."""

MaxPoints = Annotated[
    int | None,
    Query(
        ge=FEWEST_POINTS,
        le=1_000_000,
        description="Points of the curve at the most: kept are the first, the last, and of equal buckets the least, "
        "the greatest and one that is not finite. The whole curve where it is left out.",
    ),
]


@router.post("/trials", status_code=201, response_model=LeasedTrial, responses={200: {"model": AskReply}})
async def ask(study: str, body: Annotated[Ask, Body()], parts: Parts) -> Response:
    """Ask for a trial and lease it (201); 200 where there is none."""
    reply = await parts.trials.ask(study, body)
    status = 201 if isinstance(reply, LeasedTrial) else 200
    return Response(reply.model_dump_json(), status, media_type="application/json")


@router.post("/trials/{number}/reports")
async def report(study: str, number: Number, body: Annotated[Reports, Body()], parts: Parts) -> Verdict:
    """Report values, renew the lease, and be told whether to go on. A 200 means the reports are on disk."""
    verdict = await parts.trials.report(study, number, body)
    parts.metrics.judged(verdict)
    return verdict


@router.post("/trials/{number}/heartbeat")
async def heartbeat(study: str, number: Number, body: Annotated[Heartbeat, Body()], parts: Parts) -> Verdict:
    """Renew the lease without a report."""
    verdict = await parts.trials.heartbeat(study, number, body)
    parts.metrics.judged(verdict)
    return verdict


@router.post("/trials/{number}/result")
async def result(study: str, number: Number, body: Annotated[Result, Body()], parts: Parts) -> Trial:
    """End the trial. A replay of the same result changes nothing."""
    _, trial = await parts.trials.result(study, number, body)
    parts.metrics.results.labels(trial.outcome).inc()
    return trial_view(trial)


@router.post("/trials/{number}/release")
async def release(study: str, number: Number, body: Annotated[Release, Body()], parts: Parts) -> Trial:
    """Give the trial back unharmed: it is leased again without costing an attempt. With an `error` the attempt is lost
    and counts: the trial is trained again, or fails after `max_attempts`."""
    _, trial = await parts.trials.release(study, number, body)
    return trial_view(trial)


@router.post("/trials/enqueue", status_code=201, responses={200: {"model": Trial}})
async def enqueue(study: str, body: Annotated[Enqueue, Body()], parts: Parts, response: Response) -> Trial:
    """A point to try next; parameters left out are sampled. 200 where the same `request_id` made this trial before."""
    trial, fresh = await parts.trials.enqueue(study, body)
    response.status_code = 201 if fresh else 200
    return trial_view(trial)


@router.post("/trials/record", status_code=201, responses={200: {"model": Trial}})
async def record(study: str, body: Annotated[Record, Body()], parts: Parts, response: Response) -> Trial:
    """Keep a training done elsewhere: evidence that costs no budget. 200 where the same `request_id` came before."""
    trial, fresh = await parts.trials.record(study, body)
    response.status_code = 201 if fresh else 200
    return trial_view(trial)


@router.get("/trials", response_model=TrialPage)
async def list_trials(
    study: str,
    parts: Parts,
    state: Annotated[TrialState | None, Query(description="Only trials in this state.")] = None,
    newest: Annotated[bool, Query(description="The latest number first.")] = False,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """The trials, by number, without their curves."""
    found = await parts.studies.get(study)
    await parts.studies.settled(found)
    page = TrialPaging(
        found, read_cursor(cursor), limit, lambda trial: state is None or trial.outcome == state, newest=newest
    )
    shown = await parts.slices.all([trial_view(trial).model_dump_json().encode() for trial in some] for some in page)
    return page_of(chain.from_iterable(shown), page.next)


@router.get("/trials.csv", response_class=StreamingResponse, responses={200: {"content": {"text/csv": _CSV}}})
async def trials_csv(study: str, parts: Parts) -> StreamingResponse:
    """All trials as CSV, a row each."""
    found = await parts.studies.get(study)
    await parts.studies.settled(found)
    rows = parts.slices.each(csv_slices(found))
    name = f'attachment; filename="{found.name}.csv"'
    return StreamingResponse(rows, media_type="text/csv; charset=utf-8", headers={"Content-Disposition": name})


@router.get("/trials/{number}", response_model=TrialWithCurve)
async def get_trial(study: str, number: Number, parts: Parts, max_points: MaxPoints = None) -> Response:
    """One trial with its curve: all of it, or at most `max_points` points."""
    found = await parts.studies.get(study)
    await prepare(parts.engine, found, behind=_BEHIND)
    await parts.studies.settled(found)
    await parts.slices.all(peers_slices(found))
    with parts.engine.lock:
        seen = look_at_trial(found, number)
    shown = await parts.slices.in_thread(partial(seen.work_out, max_points))
    if shown.is_short:
        return Response(b"".join(shown.slices()), media_type="application/json")
    return StreamingResponse(parts.slices.each(shown.slices()), media_type="application/json")
