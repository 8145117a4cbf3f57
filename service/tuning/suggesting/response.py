"""The response of a study's metric to its learning rate, at a cost that does not grow with its history."""

import asyncio
import math
from dataclasses import dataclass
from typing import Any

from lrtune.service.storage.engine.engine import Engine
from lrtune.service.storage.memory.study import StudyMirror, TrialMirror
from lrtune.service.tuning.auto.surrogate.stability import StabilityModel
from lrtune.service.tuning.fidelity.short_trainings import count_short
from lrtune.service.tuning.state.space.rates import rate_in
from lrtune.service.tuning.studies import Studies
from lrtune.service.tuning.suggesting.compute import Seen, categories_of
from lrtune.service.tuning.suggesting.posterior.loss_curve import loss_curve
from lrtune.service.tuning.suggesting.shown_trials import counts_of, outcome_of, shown_trials
from lrtune.service.tuning.suggesting.suggestion import latest, look, prepare, stability_of
from lrtune.service.wire.learning_rates import main_learning_rate
from lrtune.service.wire.responses import LearningRateResponse, ResponseFit, ResponsePoint
from lrtune.service.wire.search_space import CategoricalParameter
from lrtune.service.wire.studies import Suggestion

_TOLD = ("complete", "pruned", "diverged")


@dataclass(frozen=True)
class _Seen:
    """What is read of a study under the lock; the fit is made from it outside."""

    suggestion: Suggestion
    """The curve is of its parameters."""
    reply: LearningRateResponse
    """Without its fit."""
    rests_on: Seen
    stability: StabilityModel | None


@dataclass
class _Kept:
    """The response that was fitted last, the suggestion that its fit goes with, and the study's version that its points
    are of."""

    response: tuple[Suggestion, int, LearningRateResponse] | None = None


async def response(
    engine: Engine, studies: Studies, name: str, suggestion: Suggestion | None = None
) -> LearningRateResponse:
    """The response of a study, to go with a `suggestion` that is shown beside it, or with the latest; its fit is kept
    until there is another suggestion. Raises StudyNotFound."""
    study = await studies.get(name)
    if suggestion is None:
        await prepare(engine, study)
    await studies.settled(study)
    with engine.lock:
        keeper = study.derived(_Kept)
        suggestion = latest(study) if suggestion is None else suggestion
        if keeper.response is not None and keeper.response[0] is suggestion:
            _, version, reply = keeper.response
            if version != study.version:
                reply = reply.model_copy(update=_trials_of(study))
                keeper.response = (suggestion, study.version, reply)
            return reply
        seen, version = _look(study, suggestion), study.version
    reply = await asyncio.to_thread(_fitted, seen)
    with engine.lock:
        keeper.response = (seen.suggestion, version, reply)
    return reply


def _look(study: StudyMirror, suggestion: Suggestion) -> _Seen:
    spec = study.spec
    assert spec is not None
    parameter = main_learning_rate(spec.search_space)
    categories = categories_of(suggestion.params, spec.search_space)
    stability = stability_of(study)
    bounds = None
    if parameter is not None:
        space = spec.search_space[parameter]
        assert not isinstance(space, CategoricalParameter)
        bounds = float(space.low), float(space.high)
    reply = LearningRateResponse(
        study=study.name,
        parameter=parameter,
        metric=spec.measured,
        direction=spec.direction,
        categories=categories,
        fit=None,
        max_stable_learning_rate=suggestion.max_stable_learning_rate,
        stable=[],
        suggested=suggestion.learning_rate,
        interval=suggestion.interval,
        trials=sum(study.tally.outcomes[state] for state in _TOLD) - count_short(study),
        bounds=bounds,
        **_trials_of(study),
    )
    return _Seen(suggestion, reply, look(study), stability)


def _trials_of(study: StudyMirror) -> dict[str, Any]:
    """What the reply tells of the trials, anew with each report. At most some thousand are looked at."""
    assert study.spec is not None
    parameter = main_learning_rate(study.spec.search_space)
    points, without = [], 0
    for trial in [] if parameter is None else shown_trials(study):
        rate = rate_in(trial.params, parameter)
        if rate is None:
            without += 1
        else:
            points.append(_point(study, trial, rate))
    points.sort(key=lambda point: (point.learning_rate, point.trial))
    return {"points": points, "counts": counts_of(study), "without_rate": without}


def _point(study: StudyMirror, trial: TrialMirror, rate: float) -> ResponsePoint:
    assert study.spec is not None
    state, value = outcome_of(study, trial)
    categories = categories_of(trial.params, study.spec.search_space)
    return ResponsePoint(trial=trial.number, learning_rate=rate, value=value, state=state, categories=categories)


def _fitted(read: _Seen) -> LearningRateResponse:
    """The reply with its fit: of the model that the suggestion comes from. Up to 50 ms, in a thread."""
    reply, seen = read.reply, read.rests_on
    if reply.parameter is None or reply.parameter not in read.suggestion.params:
        return reply
    fit = loss_curve(
        seen.trials,
        seen.distributions,
        read.suggestion.params,
        reply.parameter,
        maximizes=seen.maximizes,
        max_steps=seen.spec.max_steps,
    )
    if fit is None:
        return reply
    stable = [
        1.0 if read.stability is None else read.stability.probability_stable(rate, reply.categories)
        for rate in fit.learning_rates
    ]
    told = {name: list(getattr(fit, name)) for name in ResponseFit.model_fields}
    if not all(math.isfinite(value) for values in told.values() for value in values):
        return reply  # Of rates or losses at the ends of what floats hold: no curve is better than half of one.
    shown = ResponseFit(**told)
    return reply.model_copy(update={"fit": shown, "stable": stable})
