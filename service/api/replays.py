"""`/v1/studies/{study}/replays` and `…/trials/{number}/replay`: what `auto` would have stopped."""

from typing import Annotated

from fastapi import APIRouter, Path

from lrtune.service.api.container import Parts
from lrtune.service.api.http.paging import Cursor, Limit, read_cursor, show_cursor
from lrtune.service.tuning.views.replays import MOST, look
from lrtune.service.tuning.views.trials import TrialPaging
from lrtune.service.wire.replays import Replay, ReplayPage

router = APIRouter(prefix="/v1/studies/{study}", tags=["trials"])


@router.get("/replays")
async def list_replays(study: str, parts: Parts, limit: Limit = MOST, cursor: Cursor = None) -> ReplayPage:
    """Where `auto` would have stopped the trials that are over, by number; at most 100 a page."""
    found = await parts.studies.get(study)
    await parts.studies.settled(found)
    page = TrialPaging(found, read_cursor(cursor), min(limit, MOST), lambda trial: trial.state.is_finished())
    numbers = [trial.number for some in await parts.slices.all(iter(page)) for trial in some]
    with parts.engine.lock:
        replaying = look(found, numbers)
    return ReplayPage(items=await parts.slices.in_thread(replaying.run), next_cursor=show_cursor(page.next))


@router.get("/trials/{number}/replay")
async def get_replay(study: str, number: Annotated[int, Path(ge=0, lt=2**31)], parts: Parts) -> Replay:
    """Where `auto` would have stopped a trial that is over."""
    found = await parts.studies.get(study)
    await parts.studies.settled(found)
    with parts.engine.lock:
        replaying = look(found, [number])
    return (await parts.slices.in_thread(replaying.run))[0]
