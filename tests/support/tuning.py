"""The tuning layer without HTTP: an engine on a real database, a clock that is set by hand, a loop of its own."""

import asyncio
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

from lrtune.service.storage.database.database import Database
from lrtune.service.storage.engine.engine import Engine
from lrtune.service.tuning.studies import Studies
from lrtune.service.tuning.trials.drawers import Drawers
from lrtune.service.tuning.trials.trials import Trials
from lrtune.service.wire.studies import NewStudy
from tests.support import migrated
from tests.support.clock import Clock

Result = TypeVar("Result")


class Tuning:
    """Studies and trials over one database. Use it in a `with`."""

    def __init__(self, url: str, drawers: Drawers | None = None) -> None:
        migrated.make(url)
        self.url = url
        self.clock = Clock()
        self.wall_offset = 0.0
        """By how many seconds the wall clock was set, forwards or backwards, beside the time that elapsed."""
        self.engine = Engine(Database(url), clock=lambda: self.clock.now + self.wall_offset, elapsed=self.clock)
        self.studies = Studies(self.engine)
        self._drawers = Drawers(1, 20.0) if drawers is None else drawers
        self.trials = Trials(self.engine, self.studies, self._drawers)
        self._runner = asyncio.Runner()

    def __enter__(self) -> Self:
        self.engine.start()
        self.engine.wait_started()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.engine.close()
        self._runner.close()

    def run(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        """Run one coroutine to its end, within a limit."""
        return self._runner.run(_limited(coroutine))

    def create(self, **spec: Any) -> None:
        """Create a study."""
        self.run(self.studies.create(NewStudy.model_validate(spec)))

    def forget(self, name: str) -> None:
        """Drop the mirror of a study, so that the next use reads it from the database."""
        study = self.engine.resident(name)
        if study is not None:
            with self.engine.lock:
                self.engine.mirrors.drop(study)


async def _limited(coroutine: Coroutine[Any, Any, Result]) -> Result:
    async with asyncio.timeout(60):
        return await coroutine
