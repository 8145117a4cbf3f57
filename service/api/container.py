"""What the endpoints work with: one object an app, found through `Depends`."""

import asyncio
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from lrtune.service.api.http.slices import Slices
from lrtune.service.api.metrics import Metrics
from lrtune.service.storage.engine.engine import Engine
from lrtune.service.tuning.state.watchers import Watchers
from lrtune.service.tuning.studies import Studies
from lrtune.service.tuning.suggesting.range_tests import RangeTests
from lrtune.service.tuning.trials.drawers import Drawers
from lrtune.service.tuning.trials.trials import Trials


@dataclass(frozen=True)
class Container:
    """The parts of a running service."""

    engine: Engine
    studies: Studies
    trials: Trials
    range_tests: RangeTests
    watchers: Watchers
    metrics: Metrics
    slices: Slices

    @classmethod
    def over(cls, engine: Engine, drawers: Drawers, metrics: Metrics) -> "Container":
        """Wire the parts together. Call it in the event loop that will serve."""
        studies = Studies(engine)
        watchers = Watchers(asyncio.get_running_loop())
        engine.committer.attach(asyncio.get_running_loop())
        engine.committer.on_commit.append(watchers.notify)
        engine.committer.on_batch.append(metrics.committed)
        return cls(
            engine,
            studies,
            Trials(engine, studies, drawers),
            RangeTests(engine, studies),
            watchers,
            metrics,
            Slices(engine.lock),
        )


# async: FastAPI runs plain functions in a thread, which costs more than the rest of a request.
async def _container(request: Request) -> Container:
    container: Container = request.app.state.container
    return container


def client_of(request: Request) -> str | None:
    """The address that a request came from, for the log; None where it came from none."""
    return request.client.host if request.client is not None else None


Parts = Annotated[Container, Depends(_container)]
