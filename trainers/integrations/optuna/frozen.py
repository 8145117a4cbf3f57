"""Trials of a service as Optuna's `FrozenTrial`."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from lrtune.service.sentences.failures import error_line
from lrtune.service.wire.curves import CurvePart
from lrtune.service.wire.search_space import Parameter
from lrtune.service.wire.trials import Report, Trial
from lrtune.trainers.integrations.optuna.framework import optuna
from lrtune.trainers.integrations.optuna.spaces import distributions_of

FrozenTrial = optuna.trial.FrozenTrial
State = optuna.trial.TrialState

_STATES = {
    "complete": State.COMPLETE,
    "pruned": State.PRUNED,
    "diverged": State.PRUNED,
    "failed": State.FAIL,
    "running": State.RUNNING,
    "waiting": State.WAITING,
}
_OUTCOMES = {State.COMPLETE: "complete", State.PRUNED: "pruned", State.FAIL: "failed"}


def frozen(
    trial: Trial, curve: Mapping[int, float], space: Mapping[str, Parameter], user_attrs: Mapping[str, Any]
) -> FrozenTrial:
    """A trial with what it reported by step. Its user attributes are those of this process, and `worker`, `outcome`,
    `explanation` and `error` as scripts over gRPC see them. Times are local and without a zone, as Optuna's are."""
    state, value = _STATES[trial.state], trial.value
    if state is State.PRUNED and curve:
        last = curve[max(curve)]
        value = last if last == last else None
    distributions = distributions_of(space)
    waits = state is State.WAITING
    return FrozenTrial(
        number=trial.number,
        trial_id=trial.number,
        state=state,
        value=value if state.is_finished() and state is not State.FAIL else None,
        datetime_start=_local(trial.started_at),
        datetime_complete=_local(trial.finished_at),
        params={} if waits else {name: one for name, one in trial.params.items() if name in distributions},
        distributions={} if waits else {name: one for name, one in distributions.items() if name in trial.params},
        user_attrs={**_told(trial), **user_attrs},
        system_attrs={"fixed_params": dict(trial.params)} if waits else {},
        intermediate_values=dict(curve),
    )


def _told(trial: Trial) -> dict[str, Any]:
    shown = {
        "worker": trial.worker,
        "outcome": trial.state if trial.state == "diverged" else None,
        "explanation": trial.explanation,
        "error": error_line(trial.error) if trial.error else None,
    }
    return {name: told for name, told in shown.items() if told is not None}


def _local(time: datetime | None) -> datetime | None:
    return None if time is None else time.astimezone().replace(tzinfo=None)


def curves_by_trial(parts: Iterable[CurvePart]) -> dict[int, dict[int, float]]:
    """Values by step, by trial."""
    curves: dict[int, dict[int, float]] = {}
    for part in parts:
        curves.setdefault(part.trial, {}).update(zip(part.steps, part.values, strict=True))
    return curves


def recorded(trial: FrozenTrial) -> dict[str, Any]:
    """What `Client.record` takes of a trial that was trained elsewhere. Raises ValueError where it is not over."""
    outcome = _OUTCOMES.get(trial.state)
    if outcome is None:
        raise ValueError(
            f"trial.state: is {trial.state.name}, and only trials that are over can be added: enqueue_trial"
        )
    curve = sorted(trial.intermediate_values.items())
    return {
        "params": dict(trial.params),
        "state": outcome,
        "value": trial.value if outcome == "complete" else None,
        "reports": [Report(step=step, value=value) for step, value in curve],
    }
