"""The response of a study's metric to its learning rate, at a cost that does not grow with its history."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

import numpy as np

from lrtune.service.rates.response import fit_response
from lrtune.service.storage.engine.engine import Engine
from lrtune.service.storage.memory.study import StudyMirror, TrialMirror
from lrtune.service.tuning.auto.surrogate.stability import StabilityModel
from lrtune.service.tuning.fidelity.short_trainings import count_short
from lrtune.service.tuning.state.rates import rate_in
from lrtune.service.tuning.studies import Studies
from lrtune.service.tuning.suggesting.compute import categories_of
from lrtune.service.tuning.suggesting.suggestion import latest, prepare, stability_of
from lrtune.service.wire.learning_rates import main_learning_rate
from lrtune.service.wire.responses import LearningRateResponse, ResponseFit, ResponsePoint
from lrtune.service.wire.search_space import CategoricalParameter

_MOST_COMPLETE = 300
_MOST_DIVERGED = 100
_LATEST = 1_000
"""Diverged trials are looked for among the latest so many."""

_GRID = 101


@dataclass(frozen=True)
class _Seen:
    """What is read of a study under the lock; the fit is made from it outside."""

    known: tuple[int, ...]
    reply: LearningRateResponse
    """Without its fit."""
    bounds: tuple[float, float] | None
    stability: StabilityModel | None


@dataclass
class _Kept:
    """The response that was fitted last, and what it rests on."""

    response: tuple[tuple[int, ...], LearningRateResponse] | None = None


async def response(engine: Engine, studies: Studies, name: str) -> LearningRateResponse:
    """The response of a study; kept until another trial finishes. Raises StudyNotFound."""
    study = await studies.get(name)
    await prepare(engine, study)
    await studies.settled(study)
    with engine.lock:
        keeper = study.derived(_Kept)
        if keeper.response is not None and keeper.response[0] == _known(study):
            return keeper.response[1]
        seen = _look(study)
    reply = await asyncio.to_thread(_fitted, seen)
    with engine.lock:
        keeper.response = (seen.known, reply)
    return reply


def _known(study: StudyMirror) -> tuple[int, ...]:
    outcomes = study.tally.outcomes
    return (outcomes["complete"], outcomes["pruned"], outcomes["diverged"], len(study.range_tests))


def _look(study: StudyMirror) -> _Seen:
    spec = study.spec
    assert spec is not None
    parameter = main_learning_rate(spec.search_space)
    suggestion = latest(study)
    categories = categories_of(suggestion.params, spec.search_space)
    known = _known(study)
    stability = stability_of(study)
    reply = LearningRateResponse(
        study=study.name,
        parameter=parameter,
        metric=spec.metric,
        direction=spec.direction,
        categories=categories,
        points=[] if parameter is None else _points(study, parameter, categories),
        fit=None,
        max_stable_learning_rate=suggestion.max_stable_learning_rate,
        stable=[],
        suggested=suggestion.learning_rate,
        interval=suggestion.interval,
        trials=sum(known[:3]) - count_short(study),
    )
    bounds = None
    if parameter is not None:
        space = spec.search_space[parameter]
        assert not isinstance(space, CategoricalParameter)
        bounds = float(space.low), float(space.high)
    return _Seen(known, reply, bounds, stability)


def _points(study: StudyMirror, parameter: str, categories: Mapping[str, Any]) -> list[ResponsePoint]:
    """Complete trials evenly over the ranking, and the latest that diverged."""
    stride = max(1, len(study.ranking) // _MOST_COMPLETE)
    ranked = (study.trials[number] for _, number in study.ranking[::stride])
    latest = reversed(study.trials[-_LATEST:])
    diverged = (trial for trial in latest if trial.outcome == "diverged")
    points = []
    for trial in [*islice(ranked, _MOST_COMPLETE), *islice(diverged, _MOST_DIVERGED)]:
        rate = rate_in(trial.params, parameter)
        if rate is not None and all(trial.params.get(key) == value for key, value in categories.items()):
            points.append(_point(trial, rate))
    return sorted(points, key=lambda point: (point.learning_rate, point.trial))


def _point(trial: TrialMirror, rate: float) -> ResponsePoint:
    state: Literal["complete", "diverged"] = "diverged" if trial.outcome == "diverged" else "complete"
    value = trial.value if state == "complete" else None
    return ResponsePoint(trial=trial.number, learning_rate=rate, value=value, state=state)


def _fitted(seen: _Seen) -> LearningRateResponse:
    """The reply with its fit. Up to 30 ms, in a thread."""
    reply = seen.reply
    complete = [point for point in reply.points if point.value is not None and abs(point.value) < 1e100]
    if seen.bounds is None or seen.bounds[0] <= 0:
        return reply
    grid = np.geomspace(*seen.bounds, _GRID).clip(*seen.bounds).tolist()
    fit = fit_response([p.learning_rate for p in complete], [float(p.value or 0.0) for p in complete], grid=grid)
    if fit is None:
        return reply
    stable = [
        1.0 if seen.stability is None else seen.stability.probability_stable(rate, reply.categories) for rate in grid
    ]
    shown = ResponseFit(**{name: list(getattr(fit, name)) for name in ResponseFit.model_fields})
    return reply.model_copy(update={"fit": shown, "stable": stable})
