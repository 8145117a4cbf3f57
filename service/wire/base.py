"""The building blocks of the wire format: model bases, losses, names and times."""

import math
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, StringConstraints

_NON_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


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
    BeforeValidator(_read_number, json_schema_input_type=float | str),
    PlainSerializer(show_loss, return_type=float | str, when_used="json"),
]
"""A number that may be non-finite: on the wire a JSON number or one of "nan", "inf", "-inf". What Python's json.dumps
writes for them, NaN, Infinity and -Infinity, is read too, and never written."""

Finite = Annotated[float, Field(allow_inf_nan=False)]
"""A JSON number; "nan" and infinities are refused."""


def _refuse_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("must not contain the character NUL (U+0000)")
    return text


Storable = Annotated[str, AfterValidator(_refuse_nul)]
"""Text that every database can store."""

StudyName = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:@+\-]*$")]
"""1 to 128 of the letters A-Z a-z, digits and . _ - : @ +, beginning with a letter or digit."""

ParameterName = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[A-Za-z_][A-Za-z0-9._\-]*$")]

Choice = bool | int | Finite | str | None
"""A categorical choice."""

ParameterValue = bool | int | float | str | None

Time = datetime
"""RFC 3339, UTC."""
