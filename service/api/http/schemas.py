"""What is changed in the schemas of the OpenAPI page, so that clients which are made from it send what is read."""

import json
from collections.abc import Iterator
from typing import Any

from pydantic import TypeAdapter

from lrtune.service.wire.base import Loss

Json = dict[str, Any]

SCHEMAS = "#/components/schemas/"
_WIDTHS = {"number": "double", "integer": "int64"}


def require_discriminators(schemas: Json) -> None:
    """What says which of several a thing is has to be there, though each has a default for Python."""
    for union in _objects(schemas):
        told = union.get("discriminator")
        if isinstance(told, dict) and "mapping" in told:
            for target in told["mapping"].values():
                schema = schemas[target.removeprefix(SCHEMAS)]
                schema["required"] = sorted({*schema.get("required", ()), told["propertyName"]})


def say_defaults(page: Json) -> None:
    """Say in words what holds where a field of a body is left out.

    Generators of typed clients take a field with a `default` for one that is always there, in bodies too: it could not
    be left out.
    """
    schemas = page["components"]["schemas"]
    bodies = [operation.get("requestBody", {}) for methods in page["paths"].values() for operation in methods.values()]
    for name in _reachable(bodies, schemas):
        schema = schemas[name]
        for field, described in schema.get("properties", {}).items():
            if "default" in described and field not in schema.get("required", ()):
                shown = json.dumps(described.pop("default"), ensure_ascii=False)
                told = described.get("description", "")
                described["description"] = f"{told}\n\nLeft out: `{shown}`.".strip()


def name_losses(schemas: Json) -> None:
    """Say once what a number is that may be non-finite: generators make a type of it, instead of one for each place."""
    loss = TypeAdapter(Loss).json_schema()
    for part in list(_objects(schemas)):
        kinds = part.get("anyOf", [])
        if kinds[: len(loss["anyOf"])] == loss["anyOf"]:
            others = kinds[len(loss["anyOf"]) :]
            part.pop("title", None)
            named = {"$ref": f"{SCHEMAS}Loss"}
            if others:
                part["anyOf"] = [named, *others]
            else:
                del part["anyOf"]
                part.update(named)
    schemas["Loss"] = {**loss, "title": "Loss", "description": "A number, or which of those it is that JSON has not."}


def say_widths(page: Json) -> None:
    """Say that numbers have 64 bits: without it generators for languages with types take half of them."""
    parameters = [operation.get("parameters") for methods in page["paths"].values() for operation in methods.values()]
    for part in _objects([page["components"]["schemas"], parameters]):
        kind = part.get("type")
        if isinstance(kind, str) and kind in _WIDTHS:
            part["format"] = _WIDTHS[kind]


def require_unions(schemas: Json) -> None:
    """A union with a default, which an answer always has: it is required, and has none. Generators for languages with
    types write the default of a text where a union has to stand. After `say_defaults`, which leaves only answers."""
    for schema in schemas.values():
        for field, described in schema.get("properties", {}).items():
            if "anyOf" in described and described.get("default") is not None:
                del described["default"]
                schema["required"] = [*schema.get("required", ()), field]


def _reachable(parts: Any, schemas: Json) -> set[str]:
    """The names of the schemas that `parts` refer to, directly or through others."""
    found: set[str] = set()
    waiting = [parts]
    while waiting:
        for part in _objects(waiting.pop()):
            name = str(part.get("$ref", "")).removeprefix(SCHEMAS)
            if name in schemas and name not in found:
                found.add(name)
                waiting.append(schemas[name])
    return found


def _objects(part: Any) -> Iterator[Json]:
    """All objects in it, itself included."""
    if isinstance(part, dict):
        yield part
    for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from _objects(inner)
