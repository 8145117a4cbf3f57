"""The part `answer`: what to train with, and how sure that is."""

from collections.abc import Mapping
from typing import Any

from lrtune.service.access.principal import Principal
from lrtune.service.api.container import Container
from lrtune.service.sentences import study_page as words
from lrtune.service.sentences.words import between, loss, rate
from lrtune.service.storage.memory.study import StudyMirror
from lrtune.service.tuning.state.rate_prior import prior_of, priors_of
from lrtune.service.tuning.suggesting.seen import categories_of
from lrtune.service.web.shown_suggestion import hold, shown_suggestion
from lrtune.service.web.study.code import snippets
from lrtune.service.web.study.scale import RateBar, rate_bar
from lrtune.service.web.study.told import Told, shown_value
from lrtune.service.wire.learning_rates import is_learning_rate, main_learning_rate
from lrtune.service.wire.priors import GivenPrior
from lrtune.service.wire.search_space import CategoricalParameter
from lrtune.service.wire.studies import StudySpec, Suggestion

_MOST_CHOICES = 2
_MOST_PARAMS = 12
"""Shown at once; the others unfold."""


async def tell_answer(parts: Container, study: StudyMirror, _caller: Principal) -> Told:
    """What the template `answer` is told."""
    await hold(parts, study)
    await parts.studies.settled(study)
    with parts.engine.lock:
        suggestion, spec, best = shown_suggestion(study), study.spec, study.best
        best_value = None if best is None else best.value
        assert spec is not None
        guess = _guess(spec, study.system_attrs, suggestion)
    name = main_learning_rate(spec.search_space)
    word, meaning = words.basis(suggestion.basis, has_rate=name is not None)
    if guess is not None:
        word, meaning, _ = words.guess(guess)
    first, rest = words.first_and_rest(suggestion.explanation)
    return {
        "suggestion": suggestion,
        "name": name,
        "rate": None if suggestion.learning_rate is None else rate(suggestion.learning_rate),
        "guess": None if guess is None else words.guess(guess)[2],
        "setting": _setting(spec, suggestion),
        "interval": None if suggestion.interval is None else between(*suggestion.interval),
        "bar": _bar(spec, suggestion, name),
        "expected": None if suggestion.expected_value is None else loss(suggestion.expected_value),
        "best": None if best is None or best_value is None else (best.number, loss(best_value)),
        "basis": word,
        "meaning": meaning,
        "first": first,
        "rest": rest,
        "params": _params(spec, suggestion, name),
        "most": _MOST_PARAMS,
        "snippets": snippets(_by_rate(suggestion.params, name), name, _optimizer(spec)),
    }


def _guess(spec: StudySpec, attrs: Mapping[str, Any], suggestion: Suggestion) -> words.Guess | None:
    """What the rate is guessed from; None where it is not. As in `suggest_beforehand`."""
    if suggestion.basis != "prior" or suggestion.learning_rate is None:
        return None
    optimizer = str(suggestion.params.get("optimizer", _optimizer(spec) or "")).lower()
    priors = priors_of(spec, attrs)
    prior = priors.get(optimizer) or priors.get("")
    if prior is None or prior.usual:
        return "usual"
    return "given" if isinstance(prior_of(spec, attrs), GivenPrior) else "past"


def _setting(spec: StudySpec, suggestion: Suggestion) -> str:
    """For which choices the rate and its boundary are, in a few words: the optimizer's before the others'."""
    if suggestion.learning_rate is None:
        return ""
    chosen = categories_of(suggestion.params, spec.search_space)
    return words.setting(sorted(chosen.values(), key=lambda one: one != chosen.get("optimizer"))[:_MOST_CHOICES])


def _bar(spec: StudySpec, suggestion: Suggestion, name: str | None) -> RateBar | None:
    parameter = None if name is None else spec.search_space[name]
    if parameter is None or isinstance(parameter, CategoricalParameter) or suggestion.learning_rate is None:
        return None
    return rate_bar(
        (parameter.low, parameter.high),
        suggestion.learning_rate,
        suggestion.interval,
        suggestion.best_learning_rate,
        suggestion.max_stable_learning_rate,
    )


def _by_rate(params: Mapping[str, object], name: str | None) -> dict[str, object]:
    """The rate first."""
    return dict(sorted(params.items(), key=lambda item: item[0] != name))


def _params(spec: StudySpec, suggestion: Suggestion, name: str | None) -> list[tuple[str, str, str]]:
    """Name, value and near-best range of the other parameters, rates before the rest."""
    others = [one for one in suggestion.params if one != name]
    rates = {one for one in others if one in spec.search_space and is_learning_rate(one, spec.search_space[one])}
    told = []
    for one in sorted(others, key=lambda one: one not in rates):
        near = suggestion.intervals.get(one)
        told.append((one, shown_value(suggestion.params[one]), "" if near is None else " to ".join(between(*near))))
    return told


def _optimizer(spec: StudySpec) -> str | None:
    """What the study's tags say that is trained with."""
    return spec.tags.get("optimizer")
