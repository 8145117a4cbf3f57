"""Trials: what happens to one from the ask to its end."""

import asyncio
import logging
from dataclasses import replace
from functools import partial

from lrtune.service.storage.commit.changes import Change
from lrtune.service.storage.engine.engine import Engine
from lrtune.service.storage.errors import StorageError
from lrtune.service.storage.memory.study import StudyMirror, TrialMirror
from lrtune.service.tuning.pruning.verdicts import judge
from lrtune.service.tuning.sampling.drawn import Drawn
from lrtune.service.tuning.sampling.samplers import is_ready, make_ready
from lrtune.service.tuning.state.budget import ask_at_once, ask_later, fits
from lrtune.service.tuning.state.failing import note_failure
from lrtune.service.tuning.state.outcomes import check_steps, ended_by, keep_standard_error, outcome_of
from lrtune.service.tuning.studies import Studies, of_a_study
from lrtune.service.tuning.trials import fence, leases, outside
from lrtune.service.tuning.trials.ask.begin import begin
from lrtune.service.tuning.trials.ask.take import take
from lrtune.service.tuning.trials.ask.to_draw import ToDraw
from lrtune.service.tuning.trials.drawers import Drawers, DrawTooLong
from lrtune.service.tuning.trials.turns import Turns
from lrtune.service.tuning.trials.worker_time import WorkerTime
from lrtune.service.wire.studies import StudySpec
from lrtune.service.wire.trials import (
    Ask,
    Checkpoint,
    Enqueue,
    Heartbeat,
    LeasedTrial,
    NoTrial,
    Record,
    Release,
    Reports,
    Result,
    Verdict,
)

_log = logging.getLogger(__name__)

_AT_ONCE_REPORTS = 1_000
"""Of a recorded curve: a longer one is taken to pieces in a thread."""
_MISSED_SHARE = 1 / 6
"""Of a lease's time: half of what lies between two renewals of the SDK. In a longer pause one may have been missed."""


class Trials:
    """The trials of one storage engine. All methods are for the event loop; sampling runs in `drawers`."""

    def __init__(self, engine: Engine, studies: Studies, drawers: Drawers) -> None:
        self._engine = engine
        self._studies = studies
        self._drawers = drawers
        self._turns = Turns()
        self.worker_time = WorkerTime()

    # Asking

    def hurry(self) -> None:
        """The service is about to end: asks that wait for their turn are told to come again at once. For its loop."""
        self._turns.close()

    @of_a_study
    async def ask(self, name: str, ask: Ask) -> LeasedTrial | NoTrial:
        """Lease the next trial, or say why there is none. On return the lease is on disk."""
        study = await self._studies.get(name)
        try:
            async with self._turns.turn(study.study_id):
                study = await self._studies.get(name)
                change, reply = await self._ask_in_turn(study, ask)
        except TimeoutError:
            return ask_at_once() if self._turns.closed else ask_later()
        # The next ask need not wait for the disk: it sees this one in the mirror, and falls with it if this one falls.
        await (change.on_disk() if change.rows else self._studies.settled(study))
        return reply

    async def _ask_in_turn(self, study: StudyMirror, ask: Ask) -> tuple[Change, LeasedTrial | NoTrial]:
        spec = study.spec
        assert spec is not None
        with self._engine.change(study) as change:
            step = begin(self._engine, change, ask, spec)
        if isinstance(step, LeasedTrial | NoTrial):
            return change, step
        if self._turns.is_crowded(study):
            step = replace(step, snapshot=replace(step.snapshot, crowded=True))
        drawn = await self._draw(study, step, spec)
        if self._engine.neighbours.busy:
            await asyncio.to_thread(self._engine.neighbours.catch_up)
        with self._engine.change(study) as change:
            reply = take(self._engine, change, ask, spec, step, drawn)
        return change, reply

    async def _draw(self, study: StudyMirror, to_draw: ToDraw, spec: StudySpec) -> Drawn:
        if to_draw.draws_at_once(spec):
            return to_draw.draw(spec)
        prepare = None if is_ready(spec) else partial(make_ready, spec)
        try:
            return await self._drawers.draw(study.study_id, partial(to_draw.draw, spec), prepare)
        except DrawTooLong as why:
            _log.warning("sampler %s of %s: %s; drawing at random", spec.sampler.name, study.name, why)
            return to_draw.draw_instead(spec, str(why))

    # On lease

    @of_a_study
    async def report(self, name: str, number: int, body: Reports) -> Verdict:
        """Take in reports and judge the trial. Raises LeaseLost, InvalidField."""
        study = await self._studies.get(name)
        with self._engine.change(study) as change:
            trial = fence.held_trial(study, number, body.lease)
            assert trial.work is not None
            check_steps(trial.work.max_steps, "the lease's", body.reports, body.checkpoint)
            fence.renew(change, trial)
            overdrawn = leases.begin_anew(change, trial, body.reports) and not fits(study, 0)
            fresh, before = [], trial.last_step or 0
            for report in body.reports:
                if report.step not in trial.intermediate:
                    change.report(trial, report.step, report.value)
                    fresh.append(report)
            if fresh:
                trial.work.reported_at = change.elapsed
            if body.checkpoint is not None:
                _keep_checkpoint(change, trial, body.checkpoint)
            verdict = judge(change, trial, fresh, before, overdrawn=overdrawn)
        await (change.on_disk() if change.rows else self._studies.settled(study))
        return verdict

    @of_a_study
    async def heartbeat(self, name: str, number: int, body: Heartbeat) -> Verdict:
        """Renew a lease. Raises LeaseLost."""
        study = await self._studies.get(name)
        with self._engine.change(study) as change:
            trial = fence.held_trial(study, number, body.lease)
            fence.renew(change, trial)
            verdict = judge(change, trial)
        await change.on_disk()
        return verdict

    @of_a_study
    async def result(self, name: str, number: int, body: Result) -> tuple[StudyMirror, TrialMirror]:
        """End a trial. A replay of the same result changes nothing. Raises LeaseLost, InvalidField."""
        study = await self._studies.get(name)
        with self._engine.change(study) as change:
            trial = fence.find_trial(study, number)
            if not ended_by(trial, body):
                trial = fence.held_trial(study, number, body.lease)
                outcome, value = outcome_of(trial, body.state, body.value)
                fence.renew(change, trial)
                with self.worker_time.ending(trial, change.elapsed):
                    leases.finish(change, trial, outcome, value, body.error)
                keep_standard_error(change, trial, body.standard_error)
                if outcome == "failed":
                    note_failure(change, trial)
        await (change.on_disk() if change.rows else self._studies.settled(study))
        return study, trial

    @of_a_study
    async def release(self, name: str, number: int, body: Release) -> tuple[StudyMirror, TrialMirror]:
        """Give a trial back; it is leased again in the same attempt, one told to pause once it has earned more steps.
        With an `error` the attempt is lost, and counts. Raises LeaseLost, InvalidField."""
        study = await self._studies.get(name)
        with self._engine.change(study) as change:
            trial = fence.held_trial(study, number, body.lease)
            assert trial.work is not None
            check_steps(trial.work.max_steps, "the lease's", (), body.checkpoint)
            fence.renew(change, trial)
            if body.checkpoint is not None:
                _keep_checkpoint(change, trial, body.checkpoint)
            with self.worker_time.ending(trial, change.elapsed):
                if body.error is None:
                    leases.requeue(change, trial, lost=None)
                else:
                    assert study.spec is not None
                    lost = f"{trial.work.worker} broke attempt {trial.work.attempt} off: {body.error}"
                    leases.lose(change, trial, study.spec.max_attempts, lost)
        await change.on_disk()
        return study, trial

    # From outside

    @of_a_study
    async def enqueue(self, name: str, body: Enqueue) -> tuple[TrialMirror, bool]:
        """Put a point into the queue, to be tried next; with whether it is new. A replay of the same request id changes
        nothing. Raises InvalidField, BudgetSpent, RequestIdTaken."""
        study = await self._studies.get(name)
        return await self._on_disk(study, *outside.enqueue(self._engine, study, body))

    @of_a_study
    async def record(self, name: str, body: Record) -> tuple[TrialMirror, bool]:
        """Keep a training done elsewhere; with whether it is new. It counts as evidence, not against the budget. A
        replay of the same request id changes nothing. Raises InvalidField, RequestIdTaken."""
        study = await self._studies.get(name)
        if len(body.reports) <= _AT_ONCE_REPORTS:
            recorded = outside.prepare_record(self._engine, study, body)
        else:
            recorded = await asyncio.to_thread(outside.prepare_record, self._engine, study, body)
        return await self._on_disk(study, *outside.record(self._engine, study, recorded))

    async def _on_disk(self, study: StudyMirror, change: Change, trial: TrialMirror) -> tuple[TrialMirror, bool]:
        fresh = bool(change.rows)
        await (change.on_disk() if fresh else self._studies.settled(study))
        return trial, fresh

    # In the background

    def expire(self) -> int:
        """Take back the leases that were not renewed in time; return how many. Does not wait for the commit. Raises
        StorageUnavailable."""
        count = 0
        for study in self._engine.residents():
            try:
                count += self._expire_of(study)
            except StorageError:
                raise
            except Exception:  # Whatever is wrong with one study, the leases of the others are watched.
                _log.exception("the leases of study %s could not be taken back", study.name)
        return count

    def _expire_of(self, study: StudyMirror) -> int:
        with self._engine.lock:
            now = self._engine.elapsed()
            late = [t for t in study.leased.values() if t.work is not None and t.work.expires_at < now]
            if not late or study.spec is None or not study.alive:
                return 0
            with self._engine.change(study) as change:
                for trial in late:
                    heard_of = (trial.work.expires_at if trial.work else now) - study.spec.lease_ttl_seconds
                    with self.worker_time.ending(trial, heard_of):
                        leases.expire(change, trial, study.spec.max_attempts)
            return len(late)

    def make_up(self, silent_seconds: float) -> None:
        """Nothing was served for so long, so that no renewal was heard: it is not held against who trains.

        That time does not count; where a renewal may have been missed, the lease has its full time again.
        """
        for study in self._engine.residents():
            with self._engine.lock:
                if study.spec is None:
                    continue
                now, ttl = self._engine.elapsed(), study.spec.lease_ttl_seconds
                if silent_seconds >= ttl * _MISSED_SHARE:
                    study.renew_leases(now)
                    continue
                for trial in study.leased.values():
                    if trial.work is not None:
                        trial.work.expires_at = min(trial.work.expires_at + silent_seconds, now + ttl)


def _keep_checkpoint(change: Change, trial: TrialMirror, checkpoint: Checkpoint) -> None:
    assert trial.work is not None
    work = replace(trial.work, checkpoint_uri=checkpoint.uri, checkpoint_step=checkpoint.step)
    change.set_work(trial, work)
