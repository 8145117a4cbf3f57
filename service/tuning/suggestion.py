"""What to train with, on all that is known so far."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from service.storage.mirror import StudyMirror, TrialMirror
from service.tuning.auto import finished_runs
from service.tuning.space import main_learning_rate
from service.tuning.stability import StabilityModel
from service.tuning.staging import snapshot_window
from service.wire.search_space import (
    CategoricalParameter,
    FloatParameter,
    IntParameter,
    Parameter,
    is_active,
    sampling_order,
)
from service.wire.studies import Suggestion

_WINDOW = 200
_NEAR_BEST = 0.1
"""A value is near the best where it lies within this share of the way from the best to the median value."""

_TRUSTED = 0.8
"""How likely a rate must be to train without diverging, to be suggested before a slightly better one."""

_PRIORS = {"adam": 1e-3, "sgd": 1e-2}
_PRIOR_SPREAD = 10.0
"""The prior's interval: a factor of ten to each side, cut to the bounds."""


@dataclass(frozen=True)
class Point:
    """A finished trial on the axis of the learning rate. `loss` is better when lower; inf where it diverged."""

    learning_rate: float
    loss: float


def suggest(study: StudyMirror) -> Suggestion:
    """The suggestion for a study; kept until another trial finishes. Under the engine's lock."""
    outcomes = study.tally.outcomes
    finished = outcomes["complete"], outcomes["pruned"], outcomes["diverged"]
    kept = study.cache.get("suggestion")
    if kept is None or kept[0] != finished:
        kept = study.cache["suggestion"] = (finished, _suggest(study, sum(finished)))
    found: Suggestion = kept[1]
    return found


def _suggest(study: StudyMirror, finished: int) -> Suggestion:
    assert study.spec is not None
    space = study.spec.search_space
    name = main_learning_rate(space)
    stability = _stability(study, name, space)
    best = _best_trustworthy(study, name, stability)
    if best is None:
        return _from_prior(study, space, name, stability, finished)
    assert best.value is not None
    categories = _categories(best.params, space)
    rate = best.params.get(name) if name is not None else None
    interval = None
    if name is not None and rate is not None:
        low, high = _bounds(space[name])
        points = _points(study, name, categories)
        interval = plateau(points, rate, low, high)
    claim = "has the best" if best is study.best else "is the best that is safe from diverging, with"
    explanation = f"trial {best.number} {claim} {study.spec.metric}, {best.value:.6g}, of {finished} finished trials"
    if interval is not None:
        explanation += f"; rates from {interval[0]:.2g} to {interval[1]:.2g} {_beside(categories)}come near it"
    return Suggestion(
        learning_rate=rate,
        interval=interval,
        max_stable_learning_rate=stability.largest_stable(categories) if stability else None,
        params=best.params,
        expected_value=best.value,
        basis="best_trial",
        trials=finished,
        explanation=explanation + _warnings(study, stability, categories),
    )


def _best_trustworthy(study: StudyMirror, name: str | None, stability: StabilityModel | None) -> TrialMirror | None:
    """The best complete trial; where it trained at a rate that would rather diverge next time, the best of those that
    came near it and would not."""
    best = study.best
    if best is None or name is None or stability is None:
        return best
    assert study.spec is not None
    lowest, middle = study.ranking[0][0], study.ranking[len(study.ranking) // 2][0]
    near = lowest + _NEAR_BEST * (middle - lowest)
    for loss, number in study.ranking[:_WINDOW]:
        trial = study.trials[number]
        rate = trial.params.get(name)
        categories = _categories(trial.params, study.spec.search_space)
        if loss > near:
            break
        if rate is not None and stability.probability_stable(rate, categories) >= _TRUSTED:
            return trial
    return best


def plateau(points: Sequence[Point], best_rate: float, low: float, high: float) -> tuple[float, float]:
    """The interval of rates around the best one whose losses come near the best loss.

    Its ends lie halfway, on a log scale, between the last rate that came near and the next that did not; without
    such a neighbour, at the bound: nothing speaks against it. One rate that did not come near, between two that
    did, is taken for bad luck.
    """
    ordered = sorted(points, key=lambda point: point.learning_rate)
    finite = [point.loss for point in ordered if math.isfinite(point.loss)]
    if not finite:
        return (low, high)
    best = min(finite)
    near = best + _NEAR_BEST * (median(finite) - best)
    above = [p for p in ordered if p.learning_rate > best_rate]
    below = [p for p in reversed(ordered) if p.learning_rate < best_rate]
    return (_end(below, best_rate, near, low), _end(above, best_rate, near, high))


def _end(points: Sequence[Point], start: float, near: float, bound: float) -> float:
    """Walk outwards from `start` over `points`, nearest first; two in a row that are not near end the walk."""
    last_near = start
    first_far: float | None = None
    for point in points:
        if point.loss <= near:
            last_near, first_far = point.learning_rate, None
        elif first_far is not None:
            break
        else:
            first_far = point.learning_rate
    return bound if first_far is None else math.sqrt(last_near * first_far)


def _points(study: StudyMirror, name: str, categories: Mapping[str, Any]) -> list[Point]:
    sign = -1.0 if study.maximizes else 1.0
    points = []
    for frozen in snapshot_window(study, best=_WINDOW, latest=_WINDOW).trials:
        trial = study.trials[frozen.number]
        rate = trial.params.get(name)
        if rate is None or any(trial.params.get(key) != value for key, value in categories.items()):
            continue
        if trial.outcome == "diverged":
            points.append(Point(rate, math.inf))
        elif trial.outcome in ("complete", "pruned") and trial.value is not None:
            points.append(Point(rate, sign * trial.value))
    return points


def _categories(params: Mapping[str, Any], space: Mapping[str, Parameter]) -> dict[str, Any]:
    """The optimizer and its like: the text-valued choices, which move the best rate most."""
    return {
        name: value
        for name, value in params.items()
        if isinstance(space.get(name), CategoricalParameter) and isinstance(value, str)
    }


def _beside(categories: Mapping[str, Any]) -> str:
    return f"with {', '.join(f'{k}={v}' for k, v in categories.items())} " if categories else ""


def _stability(study: StudyMirror, name: str | None, space: Mapping[str, Parameter]) -> StabilityModel | None:
    if name is None:
        return None
    trials = [t for t in snapshot_window(study, best=_WINDOW, latest=_WINDOW).trials if t.state.is_finished()]
    runs = finished_runs([t for t in trials if t.state.name != "FAIL"], name)
    return StabilityModel(runs, _bounds(space[name]))


def _warnings(study: StudyMirror, stability: StabilityModel | None, categories: Mapping[str, Any]) -> str:
    diverged = study.tally.outcomes["diverged"]
    if not diverged or stability is None:
        return ""
    largest = stability.largest_stable(categories)
    edge = "" if largest is None else f"; above about {largest:.2g} training tends to"
    return f"; {diverged} {'run' if diverged == 1 else 'runs'} diverged{edge}"


# The prior


def _from_prior(
    study: StudyMirror,
    space: Mapping[str, Parameter],
    name: str | None,
    stability: StabilityModel | None,
    finished: int,
) -> Suggestion:
    assert study.spec is not None
    family = optimizer_family(study.spec.tags.get("optimizer"), space)
    params = {key: value for key, value in _typical(space, family).items() if key != name}
    rate, interval = None, None
    explanation = "nothing is known yet, and the search space has no learning rate"
    if name is not None:
        low, high = _bounds(space[name])
        centre = _PRIORS[family]
        rate = _cut(centre, low, high)
        interval = (_cut(centre / _PRIOR_SPREAD, low, high), _cut(centre * _PRIOR_SPREAD, low, high))
        params[name] = rate
        usual = f"the usual rate for {'the Adam family' if family == 'adam' else 'SGD'} is {centre:g}"
        explanation = f"no trial is complete yet; {usual}"
        if rate != centre:
            explanation += f", cut to the bounds [{low:g}, {high:g}]"
    return Suggestion(
        learning_rate=rate,
        interval=interval,
        max_stable_learning_rate=stability.largest_stable({}) if stability else None,
        params=params,
        expected_value=None,
        basis="prior",
        trials=finished,
        explanation=explanation,
    )


def optimizer_family(tagged: str | None, space: Mapping[str, Parameter]) -> str:
    """`sgd` or `adam`: by the tag, else by the first choice of a parameter called optimizer, else adam."""
    optimizer = tagged
    choices = space.get("optimizer")
    if optimizer is None and isinstance(choices, CategoricalParameter):
        optimizer = str(choices.choices[0])
    lowered = (optimizer or "adam").lower()
    return "sgd" if any(word in lowered for word in ("sgd", "momentum", "nesterov", "gradientdescent")) else "adam"


def _typical(space: Mapping[str, Parameter], family: str) -> dict[str, Any]:
    """The middle of each parameter that exists; the first choice of a categorical one, the optimizer by family."""
    params: dict[str, Any] = {}
    for name in sampling_order(space):
        parameter = space[name]
        if not is_active(parameter, params):
            continue
        if isinstance(parameter, CategoricalParameter):
            fitting = [c for c in parameter.choices if name == "optimizer" and optimizer_family(str(c), {}) == family]
            params[name] = (fitting or parameter.choices)[0]
        else:
            params[name] = _middle(parameter)
    return params


def _middle(parameter: FloatParameter | IntParameter) -> float | int:
    low, high = float(parameter.low), float(parameter.high)
    middle = math.sqrt(low) * math.sqrt(high) if parameter.log else (low + high) / 2
    if parameter.step is not None:
        middle = low + round((middle - low) / parameter.step) * parameter.step
    return round(middle) if isinstance(parameter, IntParameter) else middle


def _bounds(parameter: Parameter) -> tuple[float, float]:
    assert not isinstance(parameter, CategoricalParameter)
    return float(parameter.low), float(parameter.high)


def _cut(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)
