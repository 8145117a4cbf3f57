"""What a script gives, made ready to be sent: JSON in UTF-8. What cannot be is refused here, by its field."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticSerializationError, to_json, to_jsonable_python

from lrtune.service.wire.messages import place, said
from lrtune.trainers.errors import InvalidRequest

Model = TypeVar("Model", bound=BaseModel)


def valid(model: type[Model], **fields: Any) -> Model:
    """The body. Raises InvalidRequest that names the first field that cannot be."""
    try:
        return model(**fields)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in place(first["loc"])) or model.__name__
        raise InvalidRequest(where, said(first)) from None


def as_json(body: object) -> bytes:
    """The body's bytes. Raises InvalidRequest that names what JSON has no form for."""
    try:
        return to_json(body)
    except (PydanticSerializationError, UnicodeEncodeError):
        where, what = _first_unsendable(body) or ("the body", repr(body)[:80])
        raise InvalidRequest(where, f"{what} cannot be sent as JSON in UTF-8") from None


def _first_unsendable(value: object, where: str = "") -> tuple[str, str] | None:
    if isinstance(value, BaseModel):
        value = {name: getattr(value, name) for name in type(value).model_fields}
    if isinstance(value, Mapping):
        for key, inner in value.items():
            name = ascii(key)[1:-1] if isinstance(key, str) else repr(key)
            at = f"{where}.{name}".lstrip(".")
            if isinstance(key, str) and not _is_utf8(key):
                return at, f"the name {ascii(key)[:80]}"
            if (found := _first_unsendable(inner, at)) is not None:
                return found
        return None
    if isinstance(value, list | tuple):
        return next(filter(None, (_first_unsendable(one, f"{where}.{at}") for at, one in enumerate(value))), None)
    if isinstance(value, str):
        return None if _is_utf8(value) else (where, f"the text {ascii(value)[:80]}")
    try:
        to_jsonable_python(value)
    except PydanticSerializationError:
        return where, f"{type(value).__name__} {' '.join(repr(value).split())[:60]}"
    return None


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
