"""`/v1/studies/{study}/events` and `/v1/events`: what happens, as it happens, as server-sent events."""

import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query
from fastapi.responses import StreamingResponse

from lrtune.service.access.principal import Principal
from lrtune.service.api.container import Caller, Container, Parts
from lrtune.service.api.http.streams import ALIVE, BEGIN, Waits, encoded, event_stream
from lrtune.service.storage.errors import StorageUnavailable, StudyElsewhere, StudyUnreadable
from lrtune.service.storage.memory.study import StudyMirror
from lrtune.service.tuning.errors import StudyNotFound
from lrtune.service.tuning.state.watchers import EVERY_STUDY
from lrtune.service.tuning.views.live.position import Position

_AWAY_SECONDS = 1.0
"""Between two looks whether the storage is back."""
_OF_STUDY = """\
retry: 2000

event: status
data: {"study":"cifar10-resnet","version":1834,"state":"running","trials":{"running":8,"complete":21,…},…}
id: 3.u1gqbQ2x.12.1834

event: change
data: {"version":1835,"steps":{"trained":913,…},"updated_at":"2026-03-01T12:00:00Z",
data: "changed":[{"number":40,"state":"running","attempt":1,"worker":"gpu-1:77",
data: "step":3,"value":null,"reports":[[3,0.42]]}]}
id: 3.u1gqbQ2x.13.1835

: alive

event: gone
data: {"study":"cifar10-resnet"}
"""
_OF_ALL = """\
retry: 2000

event: begin
data: {}
id: 0.9Jm0c0Ao.0.0

event: study
data: {"study":"cifar10-resnet","version":1835,"state":"running","trials":{"running":8,…},
data: "best":0.031,"learning_rate":0.0031}
id: 0.9Jm0c0Ao.1.0

event: gone
data: {"study":"mnist-mlp"}
id: 0.9Jm0c0Ao.2.0
"""

LastEventId = Annotated[
    str | None, Header(alias="Last-Event-ID", description="The `id` of the last event that came; browsers send it.")
]
After = Annotated[str | None, Query(description="The same, for those who cannot send the header.", max_length=200)]
ForSeconds = Annotated[
    float | None,
    Query(ge=0, le=86_400, description="End after so long; 0: once what is new is told. Else the stream has no end."),
]

router = APIRouter(tags=["events"])


def _documented(example: str) -> dict[int | str, dict[str, Any]]:
    told = {"example": example}  # OpenAPI 3.1 has no schema for a stream whose events are of several kinds.
    return {200: {"description": "Server-sent events.", "content": {"text/event-stream": told}}}


@router.get("/v1/studies/{study}/events", response_class=StreamingResponse, responses=_documented(_OF_STUDY))
async def study_events(
    study: str,
    parts: Parts,
    last_event_id: LastEventId = None,
    after: After = None,
    for_seconds: ForSeconds = None,
) -> StreamingResponse:
    """What happens in a study, at most twice a second.

    `status` comes first: what `GET …/status` answers. Then `change`: the `version`, those fields of the status that
    changed, and as `changed` the trials that did, with what was reported since. `gone`: the study was deleted, and that
    is the end. A client that comes again with the last `id` gets what it missed as one `change`; where that is not
    known any more, the `status`.
    """
    found = await parts.studies.get(study)
    position = Position.read(last_event_id) or Position.read(after)
    return event_stream(_of_study(parts, found, position, Waits(parts.watchers, for_seconds)))


@router.get("/v1/events", response_class=StreamingResponse, responses=_documented(_OF_ALL))
async def all_events(
    parts: Parts,
    caller: Caller,
    last_event_id: LastEventId = None,
    after: After = None,
    for_seconds: ForSeconds = None,
) -> StreamingResponse:
    """What happens in all studies that you may see, in short, at most twice a second.

    `begin` comes first: read the studies now. Then `study` for each that was created or has changed, and `gone` for
    each that was deleted. A client that comes again with the last `id` gets what it missed; where that is not known any
    more, `begin`.
    """
    parts.engine.check_active()
    position = Position.read(last_event_id) or Position.read(after)
    return event_stream(_of_all(parts, caller, position, Waits(parts.watchers, for_seconds)))


async def _of_study(
    parts: Container, study: StudyMirror, position: Position | None, waits: Waits
) -> AsyncIterator[bytes]:
    events, name, study_id = parts.events, study.name, study.study_id
    yield BEGIN
    try:
        with events.stream(study_id):
            while True:
                try:
                    study = await parts.studies.get(name)
                    if study.study_id != study_id:
                        break
                    known = events.known(study, position)
                    if events.is_behind(study, known):
                        told, position = await events.news(study, known)
                        await parts.turns.mine()
                        yield told
                    elif not await waits.change(study_id) and not waits.over:
                        yield ALIVE
                except StorageUnavailable:
                    await waits.change(study_id, _AWAY_SECONDS)
                    yield ALIVE
                if waits.over:
                    return
    except StudyElsewhere:
        return  # Who comes again is sent on.
    except (StudyNotFound, StudyUnreadable):
        pass
    yield encoded("gone", "", json.dumps({"study": name}))


async def _of_all(parts: Container, caller: Principal, position: Position | None, waits: Waits) -> AsyncIterator[bytes]:
    events = parts.all_events
    yield BEGIN
    with events.stream():
        while True:
            try:
                known = events.known(position)
                if events.is_behind(known):
                    news = await events.news(known)
                    position = news.position
                    told = encoded("begin", str(position), "{}") if news.begins else news.seen_by(caller.sees)
                    await parts.turns.mine()
                    if told:
                        yield told
                elif not await waits.change(EVERY_STUDY) and not waits.over:
                    yield ALIVE
            except StorageUnavailable:
                await waits.change(EVERY_STUDY, _AWAY_SECONDS)
                yield ALIVE
            if waits.over:
                return
