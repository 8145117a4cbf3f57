"""Which names a body may have at a place, for who misspelt one."""

import re
from collections.abc import Mapping
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from lrtune.service.sentences.nearest import did_you_mean, nearest

OTHER_WORDS = {
    **dict.fromkeys(("min", "minimum", "lower", "from", "start"), "low"),
    **dict.fromkeys(("max", "maximum", "upper", "to", "end"), "high"),
    **dict.fromkeys(("values", "options", "categories"), "choices"),
    **dict.fromkeys(("log_scale", "logscale", "scale"), "log"),
    **dict.fromkeys(("q", "step_size"), "step"),
    **dict.fromkeys(("condition", "if"), "when"),
    **dict.fromkeys(("n_trials", "trials", "num_trials", "num_samples"), "max_trials"),
    **dict.fromkeys(("epochs", "steps", "max_epochs"), "max_steps"),
    **dict.fromkeys(("space", "parameters", "params"), "search_space"),
    **dict.fromkeys(("objective", "goal", "mode"), "direction"),
}
"""What other libraries call fields of ours."""

TYPE_WORDS = {
    **dict.fromkeys(("integer", "randint", "quniformint", "whole", "long"), "int"),
    **dict.fromkeys(("uniform", "loguniform", "double", "real", "number", "continuous", "log"), "float"),
    **dict.fromkeys(
        ("choice", "choices", "category", "enum", "list", "bool", "boolean", "str", "string"), "categorical"
    ),
}
"""What other libraries call types of parameters."""

_VALUE_WORDS = {
    **dict.fromkeys(("min", "minimise", "lower", "down"), "minimize"),
    **dict.fromkeys(("max", "maximise", "higher", "up"), "maximize"),
}
_QUOTED = re.compile(r"'([^']*)'")


HINT = "hint"
"""Where such a question stands in an error."""


def hint_of(model: type[BaseModel], error: Mapping[str, Any]) -> str:
    """`did you mean 'low'? ` for one of pydantic's errors, with its input, in a body of this model; "" where nothing
    is near."""
    kind, context = error["type"], error.get("ctx", {})
    if kind == "extra_forbidden":
        meant = meant_field(model, error["loc"])
        return "" if meant is None else f"did you mean {meant!r}? "
    if kind == "union_tag_invalid":
        known = _QUOTED.findall(str(context.get("expected_tags", "")))
        return did_you_mean(context.get("tag"), known, TYPE_WORDS if "categorical" in known else None)
    if kind == "literal_error" and isinstance(error.get("input"), str):
        known = _QUOTED.findall(str(context.get("expected", "")))
        return did_you_mean(error["input"], known, {word: at for word, at in _VALUE_WORDS.items() if at in known})
    return ""


def meant_field(model: type[BaseModel], loc: tuple[int | str, ...]) -> str | None:
    """The field that was meant by the last part of `loc`, which `model` has not; None where none is near."""
    places: list[Any] = [model]
    for part in loc[:-1]:
        places = [inner for place in places for inner in _below(place, part)]
    known = {name for place in places if _is_model(place) for name in place.model_fields}
    words = {word: name for word, name in OTHER_WORDS.items() if name in known and word not in known}
    return nearest(loc[-1], sorted(known), words) if loc else None


def _below(place: Any, part: int | str) -> list[Any]:
    """What may stand at `part` of a model, of a list or of an object; a union's choice is named by its tag."""
    if not _is_model(place):
        return [one for inner in get_args(place)[-1:] for one in _choices(inner)]
    if part in place.model_fields:
        return _choices(place.model_fields[str(part)].annotation)
    return [place] if part in _tags(place) else []


def _choices(annotation: Any) -> list[Any]:
    origin = get_origin(annotation)
    if origin is Annotated:
        return _choices(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return [one for inner in get_args(annotation) for one in _choices(inner)]
    return [annotation]


def _tags(model: type[BaseModel]) -> set[Any]:
    literals = (field.annotation for field in model.model_fields.values() if get_origin(field.annotation) is Literal)
    return {tag for literal in literals for tag in get_args(literal)}


def _is_model(place: Any) -> bool:
    return isinstance(place, type) and issubclass(place, BaseModel)
