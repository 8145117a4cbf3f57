"""Which of an estimator's parameters are searched, and which of them is the learning rate."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from lrtune.service.sentences.nearest import did_you_mean
from lrtune.service.wire.learning_rates import named_so
from lrtune.service.wire.search_space import default_search_space

_OWN_NAME = "learning_rate_init"
"""How multi-layer perceptrons call it: `learning_rate` is their schedule."""
_WITHOUT_EFFECT = (("eta0", "learning_rate", "optimal", "constant"), (_OWN_NAME, "solver", "lbfgs", "adam"))
"""A rate, the parameter and the value with which it is not read, and another value."""
_MOST_NAMED = 40

Space = dict[str, dict[str, Any]]


def searched(estimator: Any, space: Mapping[str, Any] | None, learning_rate: str | None) -> Space:
    """The search space of the study: `space`, with the role of the learning rate given to `learning_rate`, else to the
    parameter whose last name says that it is one. None: that parameter alone, as wide as a study's default.

    Raises ValueError, which names field and remedy, for parameters that `estimator` does not have, where nothing is
    searched, and where the rate would be without effect.
    """
    own = estimator.get_params()
    if space is None:
        name = _known(learning_rate or _rate_of(own), own, "learning_rate")
        space = {name: default_search_space()["learning_rate"]}
    if not isinstance(space, Mapping) or not space:
        raise ValueError(
            'search_space: must name a parameter, as {"eta0": {"type": "float", "low": 1e-4, "high": 1, "log": True}}, '
            f"not {space!r}; leave it out to search the estimator's learning rate"
        )
    read = {_known(name, own, "search_space"): _plain(name, parameter) for name, parameter in space.items()}
    _mark_rate(read, learning_rate)
    for name in read:
        _check_effect(name, own, read)
    return read


def _known(name: Any, own: Mapping[str, Any], field: str) -> str:
    if isinstance(name, str) and name in own:
        return name
    hint = did_you_mean(name, own)
    listed = ", ".join(sorted(own)[:_MOST_NAMED]) + (", …" if len(own) > _MOST_NAMED else "")
    raise ValueError(f"{field}: the estimator has no parameter {name!r}; {hint}it has {listed or 'none'}")


def _plain(name: str, parameter: Any) -> dict[str, Any]:
    if isinstance(parameter, BaseModel):
        return parameter.model_dump(mode="json", exclude_none=True)
    if isinstance(parameter, Mapping):
        return dict(parameter)
    if isinstance(parameter, list | tuple):
        return {"type": "categorical", "choices": list(parameter)}
    raise ValueError(f"search_space: {name} must be a list of choices, or an object with type, low and high")


def _rate_of(own: Mapping[str, Any]) -> str:
    """The estimator's only parameter that is a learning rate. Raises ValueError where there is none, or several."""
    found = [name for name, value in own.items() if _is_rate(name) and isinstance(value, float)]
    if len(found) == 1:
        return found[0]
    said = f"the estimator has several learning rates ({', '.join(found)})" if found else "no learning rate is known"
    raise ValueError(f"search_space: {said}: name the parameters to search")


def _is_rate(name: str) -> bool:
    last = name.rpartition("__")[2]
    return last == _OWN_NAME or named_so(last)


def _mark_rate(space: Space, given: str | None) -> None:
    """Gives the role to the rate, where no parameter has it."""
    if given is not None and given not in space:
        raise ValueError(f"learning_rate: {given!r} is not searched; use one of {', '.join(space)}")
    if given is None and any("role" in parameter for parameter in space.values()):
        return
    rates = [name for name, parameter in space.items() if _is_rate(name) and parameter.get("type") == "float"]
    if given is not None or len(rates) == 1:
        name = given or rates[0]
        space[name] = {**space[name], "role": "learning_rate"}


def _check_effect(name: str, own: Mapping[str, Any], space: Space) -> None:
    prefix, _, last = name.rpartition("__")
    for rate, switch, value, other in _WITHOUT_EFFECT:
        full = f"{prefix}__{switch}" if prefix else switch
        if last == rate and full not in space and own.get(full) == value:
            raise ValueError(
                f"search_space: {name} has no effect while the estimator's {full} is {value!r}: set {full}={other!r}"
            )
