"""Every field of every body is of a type that holds what databases store and people write."""

from collections.abc import Iterator
from importlib import import_module
from pkgutil import walk_packages
from typing import Any

import pytest

import lrtune.service.wire as wire
from lrtune.service.wire.base import Body

for found in walk_packages(wire.__path__, wire.__name__ + "."):
    import_module(found.name)


def _bodies(of: type[Body] = Body) -> Iterator[type[Body]]:
    for kind in of.__subclasses__():
        yield kind
        yield from _bodies(kind)


BODIES = sorted(
    (one for one in set(_bodies()) if one.__module__.startswith(wire.__name__)), key=lambda one: one.__name__
)
"""Those of the HTTP interface."""


def _parts(schema: Any, above: tuple[str, ...] = ()) -> Iterator[tuple[dict[str, Any], tuple[str, ...]]]:
    """Each part of a core schema that has a type, with the functions and types around it; models aside."""
    if isinstance(schema, dict):
        kind = schema.get("type")
        if isinstance(kind, str):
            function = schema.get("function", {}).get("function") if isinstance(schema.get("function"), dict) else None
            yield schema, above
            above = (*above, getattr(function, "__name__", str(function or kind)))
        if kind in ("model", "definition-ref"):
            return
        for key, inner in schema.items():
            if key not in ("serialization", "metadata", "default", "json_schema_input_schema"):
                yield from _parts(inner, above)
    elif isinstance(schema, list | tuple):
        for inner in schema:
            yield from _parts(inner, above)


def _fields(kind: type[Body]) -> Iterator[tuple[str, dict[str, Any], tuple[str, ...]]]:
    """What the fields of a body are made of."""
    schema: Any = kind.__pydantic_core_schema__
    schemas = [schema, *schema.get("definitions", ())] if schema["type"] == "definitions" else [schema]
    for one in schemas:
        model = one.get("schema", one)
        while "fields" not in model and "schema" in model:
            model = model["schema"]
        for name, field in model.get("fields", {}).items():
            for part, above in _parts(field["schema"]):
                yield name, part, above


@pytest.mark.parametrize("kind", BODIES, ids=lambda kind: kind.__name__)
def test_every_whole_number_of_a_body_may_be_written_as_a_float(kind: type[Body]) -> None:
    for name, part, above in _fields(kind):
        if part["type"] == "int" and "tagged-union" not in above:
            assert "_read_whole" in above, name
            assert {"le", "lt"} & part.keys(), f"{name} has no upper bound"


@pytest.mark.parametrize("kind", BODIES, ids=lambda kind: kind.__name__)
def test_every_text_of_a_body_is_one_that_databases_store(kind: type[Body]) -> None:
    for name, part, above in _fields(kind):
        if part["type"] == "str":
            assert part.get("pattern") or {"_check_text", "storable_part"} & {*above}, name
            assert part.get("max_length") or any("max_length" in str(one) for one in above), f"{name} may be any length"


@pytest.mark.parametrize("kind", BODIES, ids=lambda kind: kind.__name__)
def test_every_list_and_object_of_a_body_is_bounded(kind: type[Body]) -> None:
    for name, part, above in _fields(kind):
        if part["type"] in ("list", "dict"):
            assert "bounded" in above or part.get("max_length", 10**9) <= 10, name
