"""Studies and trials as the endpoints call them, counted against the limits of the token that acts.

What is counted is counted before the work, and given back where nothing came of it. A report or an ask that comes again
does not count again. Where nothing limits the token, that costs the look at who acts.
"""

import contextlib
from collections.abc import AsyncIterator, Coroutine
from functools import partial
from typing import Any

from lrtune.service.access.limits import Limiter
from lrtune.service.access.limits.limiter import Spent
from lrtune.service.storage.engine.engine import Engine
from lrtune.service.storage.memory.actor import ACTING
from lrtune.service.storage.memory.study import StudyMirror, TrialMirror
from lrtune.service.storage.sql.reading.created import count_created
from lrtune.service.storage.sql.reading.past_rates import Shown, every_study
from lrtune.service.tuning.moving.importing import Cost, Imports
from lrtune.service.tuning.studies import Studies
from lrtune.service.tuning.trials.drawers import Drawers
from lrtune.service.tuning.trials.trials import Trials
from lrtune.service.wire.studies import NewStudy
from lrtune.service.wire.trials import Ask, Enqueue, LeasedTrial, NoTrial, Record, Reports, Verdict


class MeteredStudies(Studies):
    """Studies, as many as a token may have."""

    def __init__(self, engine: Engine, gate: Limiter) -> None:
        super().__init__(engine)
        self._gate = gate

    async def create(
        self, body: NewStudy, *, shown: Shown = every_study, may_create: bool = True
    ) -> tuple[StudyMirror, bool]:
        """As in Studies. Raises TooManyStudies, too."""
        token_id = ACTING.get().token_id
        loads = not may_create or body.name in self._engine.study_names()
        if loads or not self._gate.has_limits(token_id):
            return await super().create(body, shown=shown, may_create=may_create)
        async with self._gate.creating(token_id, partial(_count, self._engine)):
            return await super().create(body, shown=shown)


class MeteredImports(Imports):
    """Studies that come from elsewhere: each counts as one that the token created, and so do its trials and steps.
    `take` raises TooManyRequests, BodyTooLarge and TooManyStudies, too."""

    def __init__(self, engine: Engine, studies: Studies, gate: Limiter) -> None:
        super().__init__(engine, studies)
        self._gate = gate

    def _cost(self) -> Cost:
        return _Counted(self._gate, ACTING.get().token_id)

    @contextlib.asynccontextmanager
    async def _may_create(self) -> AsyncIterator[None]:
        async with self._gate.creating(ACTING.get().token_id, partial(_count, self._engine)):
            yield


class _Counted(Cost):
    """Counts against the limits of a token."""

    def __init__(self, gate: Limiter, token_id: str | None) -> None:
        self._gate = gate
        self._token_id = token_id
        self._spent: Spent | None = None

    def spend(self, trials: int, steps: int) -> None:
        self._spent = self._gate.steps(self._token_id, trials=trials, steps=steps)

    def give_back(self) -> None:
        if self._spent is not None:
            self._spent.give_back()


def _count(engine: Engine, token_id: str) -> int:
    """How many studies that the token created exist. Blocks."""
    with engine.database.read() as connection:
        return count_created(connection, token_id)


class MeteredTrials(Trials):
    """Trials and steps, as many as a token may have. Each of its methods raises TooManyRequests, too."""

    def __init__(self, engine: Engine, studies: Studies, drawers: Drawers, gate: Limiter) -> None:
        super().__init__(engine, studies, drawers)
        self._gate = gate

    def ask(self, name: str, ask: Ask) -> Coroutine[Any, Any, LeasedTrial | NoTrial]:
        """As in Trials; a lease is a trial."""
        token_id = ACTING.get().token_id
        asking = super().ask
        return asking(name, ask) if not self._gate.has_limits(token_id) else self._ask(token_id, name, ask)

    async def _ask(self, token_id: str | None, name: str, ask: Ask) -> LeasedTrial | NoTrial:
        again = _is_leased(await self._studies.get(name), ask.request_id)
        spent = self._gate.steps(token_id, trials=0 if again else 1)
        reply: LeasedTrial | NoTrial | None = None
        try:
            reply = await super().ask(name, ask)
        finally:
            if spent is not None and not isinstance(reply, LeasedTrial):
                spent.give_back()
        return reply

    def report(self, name: str, number: int, body: Reports) -> Coroutine[Any, Any, Verdict]:
        """As in Trials; counted are the steps that were not reported yet."""
        token_id = ACTING.get().token_id
        reporting = super().report
        if not self._gate.has_limits(token_id):
            return reporting(name, number, body)
        return self._report(token_id, name, number, body)

    async def _report(self, token_id: str | None, name: str, number: int, body: Reports) -> Verdict:
        steps = _new_steps(await self._studies.get(name), number, body)
        spent = self._gate.steps(token_id, steps=steps)
        try:
            return await super().report(name, number, body)
        except BaseException:
            if spent is not None:
                spent.give_back()
            raise

    async def enqueue(self, name: str, body: Enqueue) -> tuple[TrialMirror, bool]:
        """As in Trials."""
        spent = self._gate.steps(ACTING.get().token_id, trials=1)
        fresh = False
        try:
            trial, fresh = await super().enqueue(name, body)
        finally:
            if spent is not None and not fresh:
                spent.give_back()
        return trial, fresh

    async def record(self, name: str, body: Record) -> tuple[TrialMirror, bool]:
        """As in Trials; a recorded curve counts with its steps."""
        spent = self._gate.steps(ACTING.get().token_id, trials=1, steps=len(body.reports))
        fresh = False
        try:
            trial, fresh = await super().record(name, body)
        finally:
            if spent is not None and not fresh:
                spent.give_back()
        return trial, fresh


def _is_leased(study: StudyMirror, request_id: str) -> bool:
    """Whether an earlier copy of this ask got a lease that still holds."""
    number = study.requests.get(request_id)
    work = None if number is None else study.trials[number].work
    return work is not None and work.leased and work.request_id == request_id


def _new_steps(study: StudyMirror, number: int, body: Reports) -> int:
    """How many steps of the body the trial has no report of."""
    known = study.trials[number].intermediate if number < len(study.trials) else {}
    return len({report.step for report in body.reports} - known.keys())
