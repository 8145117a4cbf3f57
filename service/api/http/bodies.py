"""Reading request bodies: one decoder for FastAPI's endpoints and the fast lane.

A large body is read in a thread, of which there is one: whoever sends such bodies waits for others who do, and nobody
else waits for them.
"""

import asyncio
import json
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar, cast

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from pydantic_core import from_json
from starlette.requests import ClientDisconnect

from lrtune.service.wire.bounded import all_errors
from lrtune.service.wire.fields import HINT, hint_of

_AT_ONCE_BYTES = 16 * 1024
"""Bodies up to this size are read in the event loop: in a millisecond or a few."""
MOST_MEMBERS = 256
"""No object of any body has as many; one that has would have each of its members refused by name."""
MOST_PARTS = 120_000
"""Objects and lists in a body: more than the longest recorded curve has. Each takes memory, and time to look at."""
_BOM = b"\xef\xbb\xbf"

Model = TypeVar("Model", bound=BaseModel)
Headers = list[tuple[bytes, bytes]]


class UnreadableBody(Exception):
    """The body is not JSON."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the body is not JSON: {reason}; send JSON in UTF-8, nested less than 200 deep")


def decode(model: type[Model], body: bytes, headers: Headers) -> Model:
    """The body of a request as a `model`.

    Raises UnreadableBody where it is not JSON, and RequestValidationError where it is not this model's.
    """
    if not body or not _is_json(headers):
        raise RequestValidationError([_problem("must be a JSON object, sent with Content-Type: application/json")])
    _check_parts(body)
    try:
        body = body.removeprefix(_BOM)
        value = from_json(body)
    except ValueError as error:
        value = _with_surrogates(body, error)
    if len(body) > _AT_ONCE_BYTES:
        _check_members(value)
    try:
        return cast(Model, model.__pydantic_validator__.validate_python(value))
    except ValidationError as error:
        raise RequestValidationError([_told(model, one) for one in all_errors(error, with_input=True)]) from None


def _told(model: type[BaseModel], error: dict[str, Any]) -> dict[str, Any]:
    hint = hint_of(model, error)
    return {
        **{key: value for key, value in error.items() if key != "input"},
        "loc": ("body", *error["loc"]),
        HINT: hint,
    }


def _is_json(headers: Headers) -> bool:
    """Whether the first Content-Type is one of JSON: application/json, or one that ends in +json."""
    named = next((value for name, value in headers if name == b"content-type"), b"")
    if named == b"application/json":
        return True
    kind = named.split(b";", 1)[0].strip().lower()
    return kind == b"application/json" or (kind.startswith(b"application/") and kind.endswith(b"+json"))


def _with_surrogates(body: bytes, error: ValueError) -> Any:
    """The body where all that is wrong with it are lone surrogates: its fields say which of them has some."""
    if "surrogate" not in str(error) and "hex escape" not in str(error):
        raise UnreadableBody(str(error)) from None
    try:
        return json.loads(body.decode())
    except (ValueError, RecursionError) as other:
        raise UnreadableBody(str(other)) from None


def _check_parts(body: bytes) -> None:
    """Raises RequestValidationError where there are more objects and lists than any body may have."""
    count = body.count(b"{") + body.count(b"[")
    if count > MOST_PARTS:
        message = f"has {count:,} objects and lists; no body may have more than {MOST_PARTS:,}: send less at once"
        raise RequestValidationError([_problem(message)])


def _check_members(value: Any) -> None:
    """Raises RequestValidationError where an object has more members than any may have."""
    waiting = [value] if isinstance(value, dict | list) else []
    while waiting:
        held: Any = waiting.pop()
        if isinstance(held, dict):
            if len(held) > MOST_MEMBERS:
                message = f"has {len(held):,} members; no object of a body may have more than {MOST_MEMBERS}"
                raise RequestValidationError([_problem(message, ("body", *(_place(value, held) or ())))])
            held = held.values()
        waiting += [part for part in held if isinstance(part, dict | list) and part]


def _place(value: Any, sought: Any) -> tuple[Any, ...] | None:
    """Where in `value` the very object `sought` is."""
    if value is sought:
        return ()
    inner: Any = value.items() if isinstance(value, dict) else enumerate(value)
    for key, part in inner:
        if isinstance(part, dict | list) and part:
            below = _place(part, sought)
            if below is not None:
                return key, *below
    return None


def _problem(message: str, loc: tuple[Any, ...] = ("body",)) -> dict[str, Any]:
    return {"type": "body", "loc": loc, "msg": message}


class BodyReader:
    """Reads the bodies of one application. `close` ends its thread."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="lrtune-body")

    async def read(self, model: type[Model], body: bytes, headers: Headers) -> Model:
        """As `decode`, without holding up the event loop."""
        if len(body) <= _AT_ONCE_BYTES:
            return decode(model, body, headers)
        return await asyncio.get_running_loop().run_in_executor(self._thread, decode, model, body, headers)

    def close(self) -> None:
        """Wait for what is being read, and end."""
        self._thread.shutdown(cancel_futures=True)


class _ReadRequest(Request):
    """A request whose body was read: FastAPI is given the model."""

    def __init__(self, request: Request, model: BaseModel) -> None:
        kept = [(name, value) for name, value in request.scope["headers"] if name != b"content-type"]
        super().__init__({**request.scope, "headers": [*kept, (b"content-type", b"application/json")]}, request.receive)
        self._model = model

    async def body(self) -> bytes:
        return b"{}"

    async def json(self) -> BaseModel:
        return self._model


class JsonRoute(APIRoute):
    """A route whose body, where it has one, is read by the application's BodyReader, `app.state.bodies`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        plain = super().get_route_handler()
        if self.body_field is None:
            return plain
        model: type[BaseModel] = self.body_field.field_info.annotation  # type: ignore[assignment]

        async def reading(request: Request) -> Response:
            bodies: BodyReader = request.app.state.bodies
            try:
                body = await request.body()
            except ClientDisconnect:
                return Response(status_code=400)  # Nobody reads it; it is no failure of the service.
            read = await bodies.read(model, body, request.scope["headers"])
            return await plain(_ReadRequest(request, read))

        return reading
