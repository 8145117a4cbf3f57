"""Lists and objects of bounded length, in which only the first few errors are worked out.

Pydantic says of every bad item what is wrong with it, and that takes many times as long as to read it. A list of a
hundred thousand bad items would hold everybody up, and tell nobody more than its first twenty do.
"""

from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationError, ValidatorFunctionWrapHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError, PydanticKnownError, core_schema

MOST_ERRORS = 20
"""So many errors are worked out and shown; of the others only the number is told."""
MORE_ERRORS = "more_errors"
"""The type of the error that stands for those which are not shown: `{"count": 7980}` is its context."""

_SLICE = 500
"""Items that are checked at once: with a thread at it, others get their turn in between."""
_COUNTED = 10_000
"""Of so many errors it is looked up which stand for others."""


class Bounded:
    """Annotation of a list or dict: it has `most` items at the most."""

    __slots__ = ("most",)

    def __init__(self, most: int) -> None:
        self.most = most

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        inner: Any = handler(source)
        inner["max_length"] = self.most
        most = self.most
        check = _check_dict if inner["type"] == "dict" else _check_list

        def bounded(value: Any, items: ValidatorFunctionWrapHandler) -> Any:
            return check(value, items, most)

        return core_schema.no_info_wrap_validator_function(bounded, inner)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """What pydantic says, but that a key which does not match is refused: it calls such a key one of those about
        which nothing is said."""
        found = handler(schema)
        patterns = found.pop("patternProperties", None)
        if patterns is not None:
            ((pattern, values),) = patterns.items()
            found["propertyNames"] = {**found.get("propertyNames", {}), "pattern": pattern}
            found["additionalProperties"] = values
        return found


def _check_list(value: Any, items: ValidatorFunctionWrapHandler, most: int) -> Any:
    if not isinstance(value, list):
        return items(value)
    if len(value) > most:
        raise _too_long(value, most, "List")
    if len(value) <= _SLICE:
        try:
            return items(value)
        except ValidationError as error:
            if error.error_count() <= MOST_ERRORS:
                raise
    found = _Errors()
    valid: list[Any] = []
    for start in range(0, len(value), _SLICE):
        part = value[start : start + _SLICE]
        try:
            valid += items(part)
        except ValidationError as error:
            found.count += error.error_count() if len(value) > _SLICE else _count(error)
            for index, item in enumerate(part, start):
                if found.enough:
                    break
                found.add(items, [item], index)
    return found.raise_or(valid)


def _check_dict(value: Any, items: ValidatorFunctionWrapHandler, most: int) -> Any:
    if not isinstance(value, dict):
        return items(value)
    if len(value) > most:
        raise _too_long(value, most, "Dictionary")
    try:
        return items(value)
    except ValidationError as error:
        if error.error_count() <= MOST_ERRORS:
            raise
        found = _Errors(_count(error))
    for key, item in value.items():
        if found.enough:
            break
        found.add(items, {key: item})
    return found.raise_or(value)


def _too_long(value: list[Any] | dict[Any, Any], most: int, kind: str) -> PydanticKnownError:
    return PydanticKnownError("too_long", {"field_type": kind, "max_length": most, "actual_length": len(value)})


class _Errors:
    """The first errors of many items, and how many there are."""

    def __init__(self, count: int = 0) -> None:
        self.count = count
        self._shown: list[InitErrorDetails] = []

    @property
    def enough(self) -> bool:
        return len(self._shown) >= MOST_ERRORS

    def add(self, items: ValidatorFunctionWrapHandler, one: Any, index: int | None = None) -> None:
        """Work out what is wrong with one item, the `index`-th of a list, as far as there is room for it."""
        try:
            items(one)
        except ValidationError as error:
            for found in all_errors(error):
                if self.enough:
                    break
                if found["type"] == MORE_ERRORS:
                    continue
                loc = found["loc"] if index is None else (index, *found["loc"][1:])
                self._shown.append(_again(found, loc))

    def raise_or(self, valid: Any) -> Any:
        """`valid` where there were no errors; else raises ValidationError."""
        if not self.count:
            return valid
        if self.count > len(self._shown):
            more = PydanticCustomError(MORE_ERRORS, "and {count} more", {"count": self.count - len(self._shown)})
            self._shown.append(InitErrorDetails(type=more, input=None))
        raise ValidationError.from_exception_data("items", self._shown)


def all_errors(error: ValidationError, *, with_input: bool = False) -> list[Any]:
    """An error's errors in pydantic's form, without the input unless it is asked for."""
    return list(error.errors(include_url=False, include_input=with_input))


def _count(error: ValidationError) -> int:
    """How many errors there are, those that lists and objects further in do not show included."""
    count: int = error.error_count()
    if count > _COUNTED:
        return count
    hidden = (int(found["ctx"]["count"]) - 1 for found in all_errors(error) if found["type"] == MORE_ERRORS)
    return count + sum(hidden)


def _again(found: Any, loc: tuple[Any, ...]) -> InitErrorDetails:
    """An error that was worked out, to be raised once more."""
    context = {**found.get("ctx", {}), "told": found["msg"]}
    return InitErrorDetails(type=PydanticCustomError(found["type"], "{told}", context), loc=loc, input=None)
