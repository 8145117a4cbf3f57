"""What the endpoints work with: one object an app, found through `Depends`."""

import asyncio
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from lrtune.service.access.access import Access
from lrtune.service.access.limits import Limiter
from lrtune.service.access.metered import MeteredImports, MeteredStudies, MeteredTrials
from lrtune.service.access.principal import STRANGER, Principal
from lrtune.service.api.http.names import PRINCIPAL
from lrtune.service.api.http.slices import Slices
from lrtune.service.api.http.streams import Turns, encoded
from lrtune.service.api.metrics import Metrics
from lrtune.service.api.storage_look import StorageLook
from lrtune.service.storage.engine.engine import Engine
from lrtune.service.tuning.listing.listing import Listing
from lrtune.service.tuning.moving.importing import Imports
from lrtune.service.tuning.state.watchers import Watchers
from lrtune.service.tuning.studies import Studies
from lrtune.service.tuning.suggesting.range_tests import RangeTests
from lrtune.service.tuning.trials.drawers import Drawers
from lrtune.service.tuning.trials.trials import Trials
from lrtune.service.tuning.views.live.studies import StudiesEvents
from lrtune.service.tuning.views.live.study import StudyEvents


@dataclass(frozen=True)
class Container:
    """The parts of a running service."""

    engine: Engine
    access: Access
    gate: Limiter
    studies: Studies
    trials: Trials
    range_tests: RangeTests
    imports: Imports
    watchers: Watchers
    metrics: Metrics
    slices: Slices
    look: StorageLook
    listing: Listing
    events: StudyEvents
    all_events: StudiesEvents
    turns: Turns

    @classmethod
    def over(cls, engine: Engine, drawers: Drawers, metrics: Metrics, gate: Limiter) -> "Container":
        """Wire the parts together. Call it in the event loop that will serve."""
        studies = MeteredStudies(engine, gate)
        watchers = Watchers(asyncio.get_running_loop())
        engine.committer.attach(asyncio.get_running_loop())
        engine.committer.on_commit.append(watchers.notify)
        engine.committer.on_batch.append(metrics.committed)
        engine.committer.on_failure.append(metrics.engine.commit_failed)
        trials = MeteredTrials(engine, studies, drawers, gate)
        trials.worker_time.on_spent.append(metrics.worker_time.spent)
        return cls(
            engine,
            Access(engine),
            gate,
            studies,
            trials,
            RangeTests(engine, studies),
            MeteredImports(engine, studies, gate),
            watchers,
            metrics,
            Slices(engine.lock),
            StorageLook(engine.database),
            Listing(engine),
            StudyEvents(engine, studies, watchers, encoded),
            StudiesEvents(engine, studies, watchers, encoded),
            Turns(),
        )


# async: FastAPI runs plain functions in a thread, which costs more than the rest of a request.
async def _container(request: Request) -> Container:
    container: Container = request.app.state.container
    return container


async def _caller(request: Request) -> Principal:
    principal: Principal = request.scope.get(PRINCIPAL, STRANGER)
    return principal


Caller = Annotated[Principal, Depends(_caller)]
Parts = Annotated[Container, Depends(_container)]
