"""The part `workers`: who trains what now, and whether it gets on."""

from dataclasses import dataclass

from lrtune.service.access.principal import Principal
from lrtune.service.api.container import Container
from lrtune.service.sentences import study_page as words
from lrtune.service.storage.memory.study import StudyMirror, TrialMirror
from lrtune.service.tuning.health.hung import Silence, silences
from lrtune.service.tuning.health.look import look
from lrtune.service.web.study.told import Told, shown_loss

_MOST = 100


@dataclass(frozen=True)
class OnLease:
    """A trial on lease. Durations in seconds; `reported` since its last report, or since it was handed out; None where
    that is not known."""

    worker: str
    number: int
    attempt: int
    step: int | None
    max_steps: int | None
    value: str
    reported: float | None
    ends: float
    hung: str
    started: bool
    """Whether it has reported."""


async def tell_workers(parts: Container, study: StudyMirror, _caller: Principal) -> Told:
    """What the template `workers` is told."""
    await parts.studies.settled(study)
    with parts.engine.lock:
        now = parts.engine.elapsed()
        evidence = look(study, parts.engine.clock(), now)
        judged = {one.trial.number: one for one in silences(evidence) if one.hangs}
        some = [trial for _, trial in zip(range(_MOST), study.leased.values(), strict=False)]
        rows = [_row(trial, now, judged.get(trial.number)) for trial in some]
        count = len(study.leased)
    rows.sort(key=lambda row: (not row.hung, row.worker, row.number))
    return {"rows": rows, "more": count - len(rows), "running": count}


def _row(trial: TrialMirror, now: float, silence: Silence | None) -> OnLease:
    work = trial.work
    assert work is not None
    last = None if trial.last_step is None else trial.intermediate[trial.last_step]
    reported = None if work.reported_at is None else max(now - work.reported_at, 0.0)
    return OnLease(
        worker=work.worker or "–",
        number=trial.number,
        attempt=work.attempt,
        step=trial.last_step,
        max_steps=work.max_steps,
        value=shown_loss(last),
        reported=reported,
        ends=max(work.expires_at - now, 0.0),
        hung="" if silence is None else _hung(silence),
        started=trial.last_step is not None,
    )


def _hung(silence: Silence) -> str:
    return words.hung(silence.trial.silent_seconds, silence.usual, reported=silence.reported)
