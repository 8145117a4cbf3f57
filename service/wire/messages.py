"""What pydantic finds wrong, in the words of people: no validators, no patterns, no terms of Python's.

>>> said({"type": "greater_than_equal", "msg": "Input should be …", "ctx": {"ge": 1}})
'must be at least 1'
"""

from collections.abc import Mapping, Sequence
from typing import Any

from lrtune.service.wire.base import NAME_RULE, NO_SURROGATES, PARAMETER_RULE

KEY = "[key]"
"""What pydantic has as the last part of a place where not the value is meant, but its name."""

_MESSAGES = {
    "missing": "is missing",
    "finite_number": "must be a finite number",
    "string_unicode": NO_SURROGATES,
    "int_type": "must be a whole number (an integer)",
    "int_from_float": "must be a whole number (an integer)",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "list_type": "must be a list",
    "string_type": "must be a text",
    "bool_type": "must be true or false",
    "float_type": "must be a number",
}
_BOUNDS = {
    "greater_than": ("gt", "must be greater than"),
    "greater_than_equal": ("ge", "must be at least"),
    "less_than": ("lt", "must be less than"),
    "less_than_equal": ("le", "must be at most"),
}
_RULES = {
    r"^[A-Za-z0-9][": NAME_RULE,
    r"^[A-Za-z_][": PARAMETER_RULE,
    r"^[A-Za-z0-9._:@+": "may have the letters A-Z a-z, digits and . _ - : @ +, and * and ? for any of them",
}
"""By how the pattern begins."""


def place(loc: Sequence[Any]) -> list[Any]:
    """Where it is, without pydantic's sign for a name."""
    return [part for part in loc if part != KEY]


def said(error: Mapping[str, Any]) -> str:
    """What is wrong at that place."""
    kind, context = str(error["type"]), error.get("ctx", {})
    message = _of_kind(kind, context) or str(error["msg"]).removeprefix("Value error, ")
    return f"the name {message}" if KEY in error.get("loc", ()) else message


def _of_kind(kind: str, context: Mapping[str, Any]) -> str | None:
    if kind in _MESSAGES:
        return _MESSAGES[kind]
    if kind in _BOUNDS:
        name, words = _BOUNDS[kind]
        return f"{words} {_number(context[name])}"
    if kind in ("too_long", "string_too_long"):
        most, has = context["max_length"], context.get("actual_length")
        return f"may have {most} {_unit(context)} at most" + ("" if has is None else f", not {has}")
    if kind in ("too_short", "string_too_short"):
        least = context["min_length"]
        return "must not be empty" if least == 1 else f"must have {least} {_unit(context)} at least"
    if kind == "literal_error":
        return f"must be {context['expected']}"
    if kind == "string_pattern_mismatch":
        return next((rule for start, rule in _RULES.items() if str(context["pattern"]).startswith(start)), None)
    return None


def _unit(context: Mapping[str, Any]) -> str:
    return "items" if context.get("field_type") in ("List", "Dictionary", "Tuple", "Set") else "characters"


def _number(bound: Any) -> str:
    return f"{bound:,.10g}" if isinstance(bound, float) else f"{bound:,}"
