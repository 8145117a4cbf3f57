"""Points from outside: queued to be tried next, or trained elsewhere and recorded.

Either may carry a request id, which stands in a system attribute of the trial that it made, and so survives whatever
becomes of the trial and of this process. A repeated request gets that trial, and writes nothing. The ids of asks are
others: they name leases, of which a trial may have several.
"""

import math
from dataclasses import dataclass, field
from typing import Any

from optuna.trial import TrialState

from lrtune.service.storage.commit.changes import Change
from lrtune.service.storage.engine.engine import Engine
from lrtune.service.storage.memory.study import MAX_REQUEST_IDS, StudyMirror, TrialMirror, Work
from lrtune.service.storage.schema.attributes import FIXED_ATTR, REQUEST_ATTR
from lrtune.service.storage.sql.writing.rows import curve_rows
from lrtune.service.storage.sql.writing.statements import Row
from lrtune.service.tuning.errors import BudgetSpent, RequestIdTaken
from lrtune.service.tuning.state.budget import spent
from lrtune.service.tuning.state.outcomes import check_steps, outcome_of
from lrtune.service.tuning.state.space.distributions import study_distributions
from lrtune.service.tuning.state.space.params import check_params
from lrtune.service.tuning.trials import leases
from lrtune.service.wire.base import show_loss
from lrtune.service.wire.trials import Enqueue, Record


@dataclass
class _Requests:
    """The trials that the latest requests made, by request id, among the first `upto`."""

    upto: int = 0
    numbers: dict[str, int] = field(default_factory=dict)


def enqueue(engine: Engine, study: StudyMirror, body: Enqueue) -> tuple[Change, TrialMirror]:
    """Put a point into the queue. The change is empty where the trial is that of an earlier copy of the request.

    Raises InvalidField, RequestIdTaken, BudgetSpent.
    """
    spec = study.spec
    assert spec is not None
    params = check_params(spec.search_space, body.params, complete=False)
    with engine.change(study) as change:
        known = _made_by(study, body.request_id)
        if known is not None:
            if known.system_attrs.get(FIXED_ATTR) != params:
                raise _taken(study, known)
            return change, known
        if study.stopped:
            raise BudgetSpent(f"study {study.name!r} was stopped; PATCH it with stopped: false first")
        used_up = spent(study)
        if used_up in ("max_trials", "max_total_steps"):
            raise BudgetSpent(f"study {study.name!r} takes no further trial: its {used_up} is spent; raise that first")
        trial = TrialMirror(engine.new_trial_id(), len(study.trials), TrialState.WAITING)
        trial.system_attrs = {FIXED_ATTR: params}
        _note_request(trial, body.request_id)
        trial.work = Work(max_steps=spec.max_steps)
        change.add_trial(trial)
        change.audit("trial.enqueue", after={"trial": trial.number, "params": params}, trial=trial.number)
    return change, trial


@dataclass(frozen=True)
class Recorded:
    """A training done elsewhere, about to be kept."""

    trial: TrialMirror
    reports: list[Row]
    """The rows of its curve."""
    outcome: str
    value: float | None
    request_id: str | None


def prepare_record(engine: Engine, study: StudyMirror, body: Record) -> Recorded:
    """All that can be done of `record` without the lock. From any thread. Raises InvalidField."""
    spec = study.spec
    assert spec is not None
    params = check_params(spec.search_space, body.params, complete=True)
    check_steps(spec.max_steps, "the study's", body.reports, None)
    with engine.lock:
        trial = TrialMirror(engine.new_trial_id(), 0, TrialState.RUNNING)
        distributions = study_distributions(study)
    trial.params = params
    trial.distributions = {name: distributions[name] for name in params}
    trial.intermediate = {report.step: report.value for report in body.reports}
    trial.measure_curve()
    outcome, value = outcome_of(trial, body.state, body.value)
    return Recorded(trial, curve_rows(trial), outcome, value, body.request_id)


def record(engine: Engine, study: StudyMirror, recorded: Recorded) -> tuple[Change, TrialMirror]:
    """Keep a training done elsewhere. The change is empty where the trial is that of an earlier copy of the request.

    Raises RequestIdTaken.
    """
    trial = recorded.trial
    with engine.change(study) as change:
        known = _made_by(study, recorded.request_id)
        if known is not None:
            if not _recorded_as(known, trial, recorded.outcome, recorded.value):
                raise _taken(study, known)
            return change, known
        trial.number = len(study.trials)
        _note_request(trial, recorded.request_id)
        trial.started_at = change.now
        change.add_trial(trial, recorded.reports)
        leases.finish(change, trial, recorded.outcome, recorded.value)
        change.audit("trial.record", after=_shown(trial), trial=trial.number)
    return change, trial


def _shown(trial: TrialMirror) -> dict[str, Any]:
    value = None if trial.value is None else show_loss(trial.value)
    shown = {"trial": trial.number, "state": trial.outcome, "value": value, "params": trial.params}
    return shown | {"reports": len(trial.intermediate)}


def _note_request(trial: TrialMirror, request_id: str | None) -> None:
    if request_id is not None:
        trial.system_attrs = {**trial.system_attrs, REQUEST_ATTR: request_id}


def _made_by(study: StudyMirror, request_id: str | None) -> TrialMirror | None:
    """The trial that an earlier copy of the request made. Only the latest 10,000 trials and ids are looked through,
    so that the cost does not grow with the history."""
    if request_id is None:
        return None
    count = len(study.trials)
    known = study.derived(_Requests)
    numbers = known.numbers
    for trial in study.trials[max(0, known.upto, count - MAX_REQUEST_IDS) :]:
        earlier = trial.system_attrs.get(REQUEST_ATTR)
        if isinstance(earlier, str):
            numbers[earlier] = trial.number
    while len(numbers) > MAX_REQUEST_IDS:
        del numbers[next(iter(numbers))]
    known.upto = count
    number = numbers.get(request_id)
    return None if number is None else study.trials[number]


def _recorded_as(known: TrialMirror, trial: TrialMirror, outcome: str, value: float | None) -> bool:
    same = (known.params, known.outcome, _curve(known)) == (trial.params, outcome, _curve(trial))
    return same and FIXED_ATTR not in known.system_attrs and (outcome != "complete" or known.value == value)


def _curve(trial: TrialMirror) -> dict[int, float | str]:
    return {step: "nan" if math.isnan(value) else value for step, value in trial.intermediate.items()}


def _taken(study: StudyMirror, known: TrialMirror) -> RequestIdTaken:
    return RequestIdTaken(
        f"this request_id made trial {known.number} of study {study.name!r}, from another body; "
        "take a new id for each point, and repeat it with the same body only"
    )
