"""Opaque cursors."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Sequence
from typing import Annotated

from fastapi import Query, Response
from pydantic import BaseModel
from pydantic_core import to_json

from lrtune.service.tuning.errors import InvalidField

Limit = Annotated[int, Query(ge=1, le=1000, description="Items a page.")]
Cursor = Annotated[str | None, Query(max_length=400, description="`next_cursor` of the page before.")]


def show_cursor(place: str | None) -> str | None:
    """A place in a list as a cursor."""
    return None if place is None else urlsafe_b64encode(place.encode()).decode()


def read_cursor(cursor: str | None) -> str | None:
    """The inverse. Raises InvalidField."""
    if cursor is None:
        return None
    try:
        return urlsafe_b64decode(cursor.encode()).decode()
    except ValueError:
        raise InvalidField(("cursor",), "is not one that this service gave; leave it out to begin anew") from None


def page_of(items: Iterable[bytes], after: str | None, **more: Sequence[BaseModel]) -> Response:
    """A page of items that are JSON already, the place to go on after, and other members."""
    members = b"".join(b',"%b":%b' % (name.encode(), to_json(value)) for name, value in more.items())
    cursor = json.dumps(show_cursor(after)).encode()
    body = b'{"items":[' + b",".join(items) + b'],"next_cursor":' + cursor + members + b"}"
    return Response(body, media_type="application/json")
