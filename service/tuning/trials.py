"""Trials: what happens to one from the ask to its end."""

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any
from weakref import WeakValueDictionary

from optuna.trial import TrialState

from service.storage.changes import Change
from service.storage.engine import Engine
from service.storage.mirror import StudyMirror, TrialMirror, Work
from service.storage.optuna_schema import FIXED_ATTR
from service.tuning import leases
from service.tuning.budget import EXHAUSTED_ATTR, RETRY_SECONDS, spent, why_none
from service.tuning.errors import BudgetSpent, InvalidField
from service.tuning.samplers import distributions_of, snapshot_for
from service.tuning.sampling import Draw, draw_or_random, enumerates
from service.tuning.space import check_params
from service.tuning.staging import Snapshot
from service.tuning.studies import Studies
from service.tuning.verdicts import judge
from service.wire.studies import StudySpec
from service.wire.trials import (
    Ask,
    Checkpoint,
    Enqueue,
    Heartbeat,
    LeasedTrial,
    NoTrial,
    Record,
    Release,
    Report,
    Reports,
    Result,
    Verdict,
)

_DRAWING_TIMEOUT_SECONDS = 20.0


@dataclass(frozen=True)
class _Undrawn:
    """A trial whose parameters have yet to be drawn: a waiting one, or none yet."""

    snapshot: Snapshot
    number: int
    trial_id: int
    fixed: dict[str, Any] | None
    waiting: TrialMirror | None


class Trials:
    """The trials of one storage engine. All methods are for the event loop; sampling runs in `drawers`."""

    def __init__(self, engine: Engine, studies: Studies, drawers: ThreadPoolExecutor) -> None:
        self._engine = engine
        self._studies = studies
        self._drawers = drawers
        self._drawing: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()

    # Asking

    async def ask(self, name: str, ask: Ask) -> LeasedTrial | NoTrial:
        """Lease the next trial, or say why there is none. On return the lease is on disk."""
        study = await self._studies.get(name)
        try:
            async with self._turn(study.study_id):
                study = await self._studies.get(name)
                change, reply = await self._ask_in_turn(study, ask)
        except TimeoutError:
            return NoTrial(done=False, retry_after_seconds=RETRY_SECONDS)
        # The next ask need not wait for the disk: it sees this one in the mirror, and falls with it if this one falls.
        await (change.on_disk() if change.rows else self._studies.settled(study))
        return reply

    @contextlib.asynccontextmanager
    async def _turn(self, study_id: int) -> AsyncIterator[None]:
        """One draw a study at a time, so that each knows of those before it. Raises TimeoutError."""
        lock = self._drawing.get(study_id)
        if lock is None:
            lock = self._drawing[study_id] = asyncio.Lock()
        async with asyncio.timeout(_DRAWING_TIMEOUT_SECONDS):
            await lock.acquire()
        try:
            yield
        finally:
            lock.release()

    async def _ask_in_turn(self, study: StudyMirror, ask: Ask) -> tuple[Change, LeasedTrial | NoTrial]:
        spec = study.spec
        assert spec is not None
        with self._engine.change(study) as change:
            step = self._first_step(change, ask, spec)
        if isinstance(step, _Undrawn):
            drawn = await asyncio.get_running_loop().run_in_executor(
                self._drawers, draw_or_random, spec, step.snapshot, step.number, step.trial_id, step.fixed
            )
            if self._engine.neighbours.busy:
                await asyncio.to_thread(self._engine.neighbours.catch_up)
            with self._engine.change(study) as change:
                step = self._take(change, ask, spec, step, drawn)
        return change, step

    def _first_step(self, change: Change, ask: Ask, spec: StudySpec) -> LeasedTrial | NoTrial | _Undrawn:
        study = change.study
        known = study.requests.get(ask.request_id)
        if known is not None:
            work = study.trials[known].work
            if work is not None and work.request_id == ask.request_id and work.lease is not None:
                return leases.leased_view(study.trials[known], spec.lease_ttl_seconds)
        nothing = why_none(study)
        if nothing is not None:
            return nothing
        if not study.waiting:
            number = len(study.trials)
            return _Undrawn(snapshot_for(spec, study), number, self._engine.new_trial_id(), None, None)
        trial = study.trials[next(iter(study.waiting))]
        if trial.params:
            steps = trial.work.max_steps if trial.work and trial.work.leases else spec.max_steps
            leases.lease_again(change, trial, ask, steps, spec.lease_ttl_seconds)
            return leases.leased_view(trial, spec.lease_ttl_seconds)
        fixed = dict(trial.system_attrs.get(FIXED_ATTR, {}))
        return _Undrawn(snapshot_for(spec, study), trial.number, trial.trial_id, fixed, trial)

    def _take(self, change: Change, ask: Ask, spec: StudySpec, undrawn: _Undrawn, drawn: Draw) -> LeasedTrial | NoTrial:
        """Lease what was drawn, unless the study changed meanwhile so that it takes no trial."""
        study = change.study
        if drawn.exhausted:
            change.set_study_attr(EXHAUSTED_ATTR, True, system=True)
        nothing = why_none(study)
        if nothing is not None:
            return nothing
        moved = undrawn.waiting is None and len(study.trials) != undrawn.number
        taken = undrawn.waiting is not None and undrawn.number not in study.waiting
        if taken or (moved and enumerates(spec)):
            return NoTrial(done=False, retry_after_seconds=0.1)
        for key, value in drawn.written.study_attrs.items():
            change.set_study_attr(key, value, system=True)
        work = leases.new_work(ask, spec.max_steps, change.now + spec.lease_ttl_seconds)
        if undrawn.waiting is not None:
            trial = undrawn.waiting
            for name, distribution in drawn.distributions.items():
                change.set_param(trial, name, distribution, drawn.params[name])
            for key, value in drawn.written.trial_attrs.items():
                change.set_trial_attr(trial, key, value, system=True)
            study.remember_request(ask.request_id, trial.number)
            change.set_state(trial, TrialState.RUNNING, work=work)
        else:
            trial_id = self._engine.new_trial_id() if moved else undrawn.trial_id
            trial = TrialMirror(trial_id, len(study.trials), TrialState.RUNNING)
            trial.params, trial.distributions = drawn.params, drawn.distributions
            trial.system_attrs = drawn.written.trial_attrs
            trial.started_at, trial.work = change.now, work
            change.add_trial(trial)
        return leases.leased_view(trial, spec.lease_ttl_seconds)

    # On lease

    async def report(self, name: str, number: int, body: Reports) -> Verdict:
        """Take in reports and judge the trial. Raises LeaseLost, InvalidField."""
        study = await self._studies.get(name)
        with self._engine.change(study) as change:
            trial = leases.held_trial(study, number, body.lease)
            assert trial.work is not None
            _check_steps(trial.work.max_steps, "the lease's", body.reports, body.checkpoint)
            self._renew(change, trial)
            fresh = []
            for report in body.reports:
                if report.step not in trial.intermediate:
                    change.report(trial, report.step, report.value)
                    fresh.append(report)
            if body.checkpoint is not None:
                _keep_checkpoint(change, trial, body.checkpoint)
            verdict = judge(change, trial, fresh)
        await (change.on_disk() if change.rows else self._studies.settled(study))
        return verdict

    async def heartbeat(self, name: str, number: int, body: Heartbeat) -> Verdict:
        """Renew a lease. Raises LeaseLost."""
        study = await self._studies.get(name)
        with self._engine.change(study) as change:
            trial = leases.held_trial(study, number, body.lease)
            self._renew(change, trial)
            verdict = judge(change, trial)
        await change.on_disk()
        return verdict

    async def result(self, name: str, number: int, body: Result) -> tuple[StudyMirror, TrialMirror]:
        """End a trial. A replay of the same result changes nothing. Raises LeaseLost, InvalidField."""
        study = await self._studies.get(name)
        with self._engine.change(study) as change:
            trial = leases.find_trial(study, number)
            if not _ended_it(trial, body):
                trial = leases.held_trial(study, number, body.lease)
                outcome, value = _outcome(trial, body.state, body.value)
                leases.finish(change, trial, outcome, value, body.error)
        await (change.on_disk() if change.rows else self._studies.settled(study))
        return study, trial

    async def release(self, name: str, number: int, body: Release) -> tuple[StudyMirror, TrialMirror]:
        """Give a trial back; it is leased again in the same attempt. Raises LeaseLost, InvalidField."""
        study = await self._studies.get(name)
        with self._engine.change(study) as change:
            trial = leases.held_trial(study, number, body.lease)
            assert trial.work is not None
            _check_steps(trial.work.max_steps, "the lease's", (), body.checkpoint)
            if body.checkpoint is not None:
                _keep_checkpoint(change, trial, body.checkpoint)
            leases.requeue(change, trial, lost=None)
        await change.on_disk()
        return study, trial

    def _renew(self, change: Change, trial: TrialMirror) -> None:
        assert trial.work is not None
        assert change.study.spec is not None
        trial.work.expires_at = change.now + change.study.spec.lease_ttl_seconds

    # From outside

    async def enqueue(self, name: str, body: Enqueue) -> tuple[StudyMirror, TrialMirror]:
        """Put a point into the queue, to be tried next. Raises InvalidField, BudgetSpent."""
        study = await self._studies.get(name)
        assert study.spec is not None
        params = check_params(study.spec.search_space, body.params, complete=False)
        with self._engine.change(study) as change:
            if study.stopped:
                raise BudgetSpent(f"study {name!r} was stopped; PATCH it with stopped: false first")
            used_up = spent(study)
            if used_up in ("max_trials", "max_total_steps"):
                raise BudgetSpent(f"study {name!r} takes no further trial: its {used_up} is spent; raise that first")
            trial = TrialMirror(self._engine.new_trial_id(), len(study.trials), TrialState.WAITING)
            trial.system_attrs = {FIXED_ATTR: params}
            trial.work = Work(max_steps=study.spec.max_steps)
            change.add_trial(trial)
        await change.on_disk()
        return study, trial

    async def record(self, name: str, body: Record) -> tuple[StudyMirror, TrialMirror]:
        """Keep a training done elsewhere. It counts as evidence, not against the budget. Raises InvalidField."""
        study = await self._studies.get(name)
        spec = study.spec
        assert spec is not None
        params = check_params(spec.search_space, body.params, complete=True)
        _check_steps(spec.max_steps, "the study's", body.reports, None)
        distributions = distributions_of(spec.search_space)
        with self._engine.change(study) as change:
            trial = TrialMirror(self._engine.new_trial_id(), len(study.trials), TrialState.RUNNING)
            trial.params = params
            trial.distributions = {name: distributions[name] for name in params}
            trial.intermediate = {report.step: report.value for report in body.reports}
            trial.measure_curve()
            trial.started_at = change.now
            outcome, value = _outcome(trial, body.state, body.value)
            change.add_trial(trial)
            leases.finish(change, trial, outcome, value)
        await change.on_disk()
        return study, trial

    # In the background

    def expire(self) -> int:
        """Take back the leases that were not renewed in time; return how many. Does not wait for the commit."""
        now = self._engine.clock()
        count = 0
        for study in self._engine.residents():
            with self._engine.lock:
                late = [t for t in study.leased.values() if t.work is not None and t.work.expires_at < now]
                if not late or study.spec is None or not study.alive:
                    continue
                with self._engine.change(study) as change:
                    for trial in late:
                        leases.expire(change, trial, study.spec.max_attempts)
                count += len(late)
        return count


def _check_steps(max_steps: int | None, whose: str, reports: Sequence[Report], checkpoint: Checkpoint | None) -> None:
    if max_steps is None:
        return
    beyond = f"is beyond {whose} max_steps, {max_steps}; steps count from 0 to that"
    for index, report in enumerate(reports):
        if report.step > max_steps:
            raise InvalidField(("reports", index, "step"), f"{report.step} {beyond}")
    if checkpoint is not None and checkpoint.step > max_steps:
        raise InvalidField(("checkpoint", "step"), f"{checkpoint.step} {beyond}")


def _keep_checkpoint(change: Change, trial: TrialMirror, checkpoint: Checkpoint) -> None:
    assert trial.work is not None
    work = replace(trial.work, checkpoint_uri=checkpoint.uri, checkpoint_step=checkpoint.step)
    change.set_work(trial, work)


def _ended_it(trial: TrialMirror, body: Result) -> bool:
    """Whether the trial has ended by this very result, of which this is a replay."""
    work = trial.work
    if work is None or work.lease != body.lease or not trial.state.is_finished():
        return False
    if body.state == "complete" and (body.value is not None or trial.last_step is not None):
        outcome, value = _outcome(trial, body.state, body.value)
        return trial.outcome == outcome and trial.value == value
    return trial.outcome == body.state


def _outcome(trial: TrialMirror, state: str, value: float | None) -> tuple[str, float | None]:
    """The outcome to record: a complete trial takes its last report where it brings no value, and is diverged where
    that is not finite. Raises InvalidField."""
    if state != "complete":
        return state, None
    if value is None:
        if trial.last_step is None:
            raise InvalidField(("value",), "is missing: a complete trial without reports needs its final value")
        value = trial.intermediate[trial.last_step]
    return ("complete", value) if math.isfinite(value) else ("diverged", None)
