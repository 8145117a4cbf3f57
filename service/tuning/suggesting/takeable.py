"""What is suggested can be enqueued and recorded as it stands, whatever was reckoned with before."""

import contextlib
from collections.abc import Mapping
from random import Random
from typing import Any

from lrtune.service.tuning.state.space.params import SearchSpace, in_drawing_order, possible_value_of, with_parents
from lrtune.service.tuning.suggesting.bounds import bounds_of, cut, typical_value
from lrtune.service.wire.search_space import is_active, sampling_order
from lrtune.service.wire.studies import Suggestion


def takeable(search_space: SearchSpace, name: str | None, suggestion: Suggestion) -> Suggestion:
    """The suggestion with all its values within their bounds and on their steps, and with just the parameters that
    exist together. `name`: of the learning rate, which exists, if there is one."""
    changed: dict[str, Any] = {}
    params: Mapping[str, Any] = suggestion.params
    if name is not None and suggestion.learning_rate is not None:
        parameter = search_space[name]
        rate = possible_value_of(parameter, suggestion.learning_rate)
        changed["learning_rate"] = float(rate)
        params = {**params, **with_parents(search_space, {name: rate}, params, Random(0))}
        if suggestion.interval is not None:
            changed["interval"] = tuple(float(possible_value_of(parameter, end)) for end in suggestion.interval)
        if suggestion.max_stable_learning_rate is not None:
            changed["max_stable_learning_rate"] = cut(suggestion.max_stable_learning_rate, *bounds_of(parameter))
    return suggestion.model_copy(update={**changed, "params": _existing(search_space, params)})


def _existing(search_space: SearchSpace, params: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the parameters that exist beside each other, and what is usual of those that are missing."""
    found: dict[str, Any] = {}
    for name in sampling_order(search_space):
        parameter = search_space[name]
        if is_active(parameter, found):
            found[name] = typical_value(parameter)
            if name in params:
                with contextlib.suppress(ValueError):  # Another process may have trained what is not in the space.
                    found[name] = possible_value_of(parameter, params[name])
    return in_drawing_order(search_space, found)
