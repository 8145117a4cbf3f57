"""`/v1/studies/{study}/trials`: what workers and readers of trials call."""

from typing import Annotated

from fastapi import APIRouter, Body, Path, Query, Response

from lrtune.service.api.bodies import JsonRoute
from lrtune.service.api.container import Parts
from lrtune.service.api.paging import Cursor, Limit, read_cursor, show_cursor
from lrtune.service.tuning.views.trials import csv_of, trial_view, trial_with_curve, trials_after
from lrtune.service.wire.trials import (
    Ask,
    Enqueue,
    Heartbeat,
    LeasedTrial,
    NoTrial,
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

router = APIRouter(route_class=JsonRoute, prefix="/v1/studies/{study}", tags=["trials"])
Number = Annotated[int, Path(ge=0, lt=2**31)]


@router.post("/trials", status_code=201, responses={200: {"model": NoTrial}})
async def ask(study: str, body: Annotated[Ask, Body()], parts: Parts, response: Response) -> LeasedTrial | NoTrial:
    """Ask for a trial and lease it (201); 200 where there is none."""
    reply = await parts.trials.ask(study, body)
    response.status_code = 201 if isinstance(reply, LeasedTrial) else 200
    return reply


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
    """Give the trial back unharmed; it is leased again without costing an attempt."""
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


@router.get("/trials")
async def list_trials(
    study: str,
    parts: Parts,
    state: Annotated[TrialState | None, Query(description="Only trials in this state.")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> TrialPage:
    """The trials, by number, without their curves."""
    found = await parts.studies.get(study)
    await parts.studies.settled(found)
    with parts.engine.lock:
        trials, after = trials_after(found, read_cursor(cursor), limit, state)
        return TrialPage(items=[trial_view(trial) for trial in trials], next_cursor=show_cursor(after))


@router.get("/trials.csv", response_class=Response, responses={200: {"content": {"text/csv": {}}}})
async def trials_csv(study: str, parts: Parts) -> Response:
    """All trials as CSV, a row each."""
    found = await parts.studies.get(study)
    await parts.studies.settled(found)
    with parts.engine.lock:
        text = csv_of(found)
    name = f'attachment; filename="{found.name}.csv"'
    return Response(text, media_type="text/csv; charset=utf-8", headers={"Content-Disposition": name})


@router.get("/trials/{number}")
async def get_trial(study: str, number: Number, parts: Parts) -> TrialWithCurve:
    """One trial with its curve."""
    found = await parts.studies.get(study)
    await parts.studies.settled(found)
    with parts.engine.lock:
        return trial_with_curve(found, number)
