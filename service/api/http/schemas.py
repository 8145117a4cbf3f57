"""What is changed in the schemas of the OpenAPI page, so that clients which are made from it send what is read."""

import json
from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]

SCHEMAS = "#/components/schemas/"


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
