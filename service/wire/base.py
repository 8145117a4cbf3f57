"""The building blocks of the wire format: model bases, losses, names and times."""

import math
from datetime import datetime
from typing import Annotated, Any, ClassVar, Generic, Literal, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

_NON_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
_LOSS_SCHEMA: JsonSchemaValue = {"anyOf": [{"type": "number"}, {"enum": [*_NON_FINITE], "type": "string"}]}


class Body(BaseModel):
    """A request body: unknown fields are errors, types are not guessed."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)


class Reply(BaseModel):
    """A reply body. Clients ignore fields they do not know, so that a newer service may add some."""

    model_config = ConfigDict(extra="ignore", frozen=True, use_attribute_docstrings=True)


Item = TypeVar("Item")


class Page(Reply, Generic[Item]):
    """A page of a list."""

    items: list[Item]
    next_cursor: str | None
    """Where the next page begins; null on the last."""


def _read_number(value: Any) -> Any:
    if isinstance(value, str):
        try:
            return _NON_FINITE[value]
        except KeyError:
            raise ValueError(f'must be a JSON number or one of "nan", "inf", "-inf", not {value!r}') from None
    return value


def show_loss(value: float) -> float | str:
    """A loss as it is on the wire."""
    if math.isfinite(value):
        return value
    return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"


Loss = Annotated[
    float,
    Field(strict=True),
    BeforeValidator(_read_number, json_schema_input_type=float | Literal["nan", "inf", "-inf"]),
    PlainSerializer(show_loss, return_type=float | str, when_used="json"),
    WithJsonSchema(_LOSS_SCHEMA),
]
"""A number that may be non-finite: on the wire a JSON number or one of "nan", "inf", "-inf". What Python's json.dumps
writes for them, NaN, Infinity and -Infinity, is read too, and never written."""

Finite = Annotated[float, Field(allow_inf_nan=False)]
"""A JSON number; "nan" and infinities are refused."""

_PAIR: JsonSchemaValue = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
Interval = Annotated[tuple[Finite, Finite], WithJsonSchema(_PAIR)]
"""Two numbers, the lower one first. Described as a list of two, since few generators of clients read `prefixItems`."""
ParameterInterval = Annotated[tuple[int | Finite, int | Finite], WithJsonSchema(_PAIR)]
"""The same of a parameter, which may be whole."""


def _read_whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


class _Whole:
    """Reads 5.0 as 5, and is described by the bounds of what it is read as."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(_read_whole, handler(source))


WHOLE = _Whole()
"""Annotation of every int of a body: a whole number is one however it is written, 5 or 5.0. Last in `Annotated`, so
that bounds are checked of what was read."""


def unstorable(text: str) -> str | None:
    """Why no database could store `text`; None where each can."""
    if "\0" in text:
        return "must not contain the character NUL (U+0000)"
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            return NO_SURROGATES
    return None


NO_SURROGATES = (
    "must be Unicode text, without lone surrogates (of a file name that is not UTF-8, say): write U+FFFD in their place"
)


def _check_text(text: str) -> str:
    reason = unstorable(text)
    if reason is not None:
        raise ValueError(reason)
    return text


class _Storable:
    """Checks a text, and says of it in JSON Schema what can be said there: that it has no NUL."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(_check_text, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"pattern": WITHOUT_NUL, **handler(schema)}


WITHOUT_NUL = "^[^\\u0000]*$"
"""The pattern of texts that can be stored, as far as a pattern can tell."""
STORABLE = _Storable()
"""Annotation of a text with a pattern or a length: after those, which are then checked without a call of Python's."""

Storable = Annotated[str, STORABLE]
"""Text that every database can store: the type of every text in a body."""


def storable_part(text: Any) -> Any:
    """What a program printed before it died may hold anything; it is kept as far as a database can."""
    if not isinstance(text, str) or unstorable(text) is None:
        return text
    return text.replace("\0", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


StudyName = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:@+\-]*$")]
"""1 to 128 of the letters A-Z a-z, digits and . _ - : @ +, beginning with a letter or digit."""

NAME_RULE = "must be 1 to 128 of the letters A-Z a-z, digits and . _ - : @ +, beginning with a letter or digit"
"""The same, for people."""

RESERVED_NAME = "lrtune:"
"""How names begin that are lrtune's own."""


def check_study_name(name: str) -> None:
    """Raise ValueError where nobody may give that name to a study."""
    if name.startswith(RESERVED_NAME):
        raise ValueError(f"names that begin with {RESERVED_NAME!r} are for lrtune's own use; take another name")


def unaddressable(name: object) -> bool:
    """Whether no request's path can hold that name of a study. Optuna's scripts may give names beyond `StudyName`."""
    return not isinstance(name, str) or name in ("", ".", "..") or "/" in name or unstorable(name) is not None


ParameterName = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[A-Za-z_][A-Za-z0-9._\-]*$")]
PARAMETER_RULE = "must be 1 to 128 of the letters A-Z a-z, digits and . _ -, beginning with a letter or _"
"""What names of parameters are, for people."""

LARGEST_INT = 2**63 - 1
LONGEST_CHOICE = 4000
FIXED_FIELD = "fixed_field"
"""The kind of error of a field that exists and cannot be changed; its context names the `field`."""
CHOICE_TAG = "choice:"
"""How the places of errors in a choice end: with this, and a type."""


class _OneOfTheScalars:
    """Annotation of `bool | int | float | str | None`: one error where the union has one for each of its types, and no
    int becomes a float since it is too large."""

    _SCHEMAS: ClassVar[dict[type, CoreSchema]] = {
        bool: core_schema.bool_schema(strict=True),
        int: core_schema.int_schema(strict=True, ge=-LARGEST_INT, le=LARGEST_INT),
        float: core_schema.float_schema(strict=True, allow_inf_nan=False),
        str: core_schema.no_info_after_validator_function(
            _check_text, core_schema.str_schema(strict=True, max_length=LONGEST_CHOICE)
        ),
        type(None): core_schema.none_schema(),
    }
    _TAGS: ClassVar[dict[type, str]] = {kind: CHOICE_TAG + kind.__name__ for kind in _SCHEMAS}

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.tagged_union_schema(
            {self._TAGS[kind]: schema for kind, schema in self._SCHEMAS.items()},
            self._tag,
            custom_error_type="choice",
            custom_error_message="must be a finite number, a text, true, false or null",
        )

    def __get_pydantic_json_schema__(self, _schema: CoreSchema, _handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Without the `oneOf` of a tagged union: 3 is an integer and a number."""
        text = {"type": "string", "maxLength": LONGEST_CHOICE, "pattern": WITHOUT_NUL}
        return {"anyOf": [{"type": "boolean"}, {"type": "number"}, text, {"type": "null"}]}

    @classmethod
    def _tag(cls, value: Any) -> str | None:
        kind = type(value)
        if kind not in cls._SCHEMAS:
            kind = next((base for base in kind.__mro__ if base in cls._SCHEMAS), list)
        return cls._TAGS.get(kind)


Choice = Annotated[bool | int | Finite | str | None, _OneOfTheScalars()]
"""A categorical choice, or the value of a parameter."""

ParameterValue = bool | int | float | str | None

Time = datetime
"""RFC 3339, UTC."""
