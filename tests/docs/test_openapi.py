"""The OpenAPI document: as committed, and complete enough to make clients and read it."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from lrtune.service.rates.scaling import OPTIMIZERS
from lrtune.service.wire import curves, priors, range_tests, replays, responses, scaling, studies, study_lines, trials
from lrtune.service.wire import health as health_cards
from lrtune.service.wire.access import bodies
from lrtune.service.wire.base import Reply
from lrtune.service.wire.examples import EXAMPLES
from lrtune.service.wire.schedules import catalogue
from tests.docs.openapi import COMMAND, DOCUMENT, formatted, served

PAGE: dict[str, Any] = json.loads(DOCUMENT.read_text())
OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, methods in PAGE["paths"].items()
    for method, operation in methods.items()
}
MODELS: dict[str, type[BaseModel]] = {
    name: kind
    for module in (
        *(bodies, catalogue, curves, health_cards, priors, range_tests, replays, responses, scaling, studies),
        *(study_lines, trials),
    )
    for name, kind in vars(module).items()
    if isinstance(kind, type) and issubclass(kind, BaseModel)
}


def _resolved(part: dict[str, Any]) -> dict[str, Any]:
    found: Any = PAGE
    for step in part.get("$ref", "").split("/")[1:]:
        found = found[step]
    return found if "$ref" in part else part


def _contents(operation: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        yield f"body, {kind}", content
    for status, response in operation["responses"].items():
        for kind, content in _resolved(response).get("content", {}).items():
            yield f"{status}, {kind}", content


def test_the_committed_document_is_what_the_service_serves() -> None:
    assert DOCUMENT.read_text() == formatted(served()), f"if that was meant, write it anew: {COMMAND}"


def test_an_application_tells_the_same_each_time_it_is_asked() -> None:
    assert served() == served()


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_has_an_example_of_all_it_takes_and_answers(name: str) -> None:
    for where, content in _contents(OPERATIONS[name]):
        assert "example" in content or "examples" in content, where


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_says_what_it_is_and_what_it_may_answer(name: str) -> None:
    operation = OPERATIONS[name]
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", operation["operationId"])
    assert 5 < len(operation["summary"]) < 90
    assert "\n" not in operation["summary"]
    assert {tag["name"] for tag in PAGE["tags"]} >= set(operation["tags"]) != set()
    for status in ("400", "401", "403", "404", "405", "409", "413", "422", "429", "500", "503"):
        assert "application/problem+json" in _resolved(operation["responses"][status])["content"]


def test_operation_ids_differ() -> None:
    ids = [operation["operationId"] for operation in OPERATIONS.values()]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_what_its_model_reads_and_is_shown(name: str) -> None:
    MODELS[name].model_validate(EXAMPLES[name])
    assert PAGE["components"]["examples"][name] == {"value": json.loads(json.dumps(EXAMPLES[name]))}


@pytest.mark.parametrize("name", [name for name in EXAMPLES if issubclass(MODELS[name], Reply)])
def test_an_example_of_an_answer_leaves_nothing_out(name: str) -> None:
    assert EXAMPLES[name].keys() == MODELS[name].model_fields.keys()


def test_the_optimizers_of_the_schema_are_those_that_can_be_scaled_for() -> None:
    assert scaling.OPTIMIZERS == OPTIMIZERS


def test_what_a_body_may_leave_out_is_not_called_there_by_a_default() -> None:
    for name in ("NewStudy", "TpeSampler", "Ask", "RangeTestBody", "NewToken"):
        schema = PAGE["components"]["schemas"][name]
        for field, described in schema["properties"].items():
            assert field in schema["required"] or "default" not in described, (name, field)
    attempts = PAGE["components"]["schemas"]["NewStudy"]["properties"]["max_attempts"]
    assert attempts["description"] == "Left out: `3`."


def test_what_tells_the_kinds_of_a_union_apart_is_required() -> None:
    for name, told in (("FloatParameter", "type"), ("AutoSampler", "name"), ("Cosine", "name")):
        assert told in PAGE["components"]["schemas"][name]["required"]


def test_every_number_says_that_it_has_64_bits() -> None:
    shown = json.dumps([PAGE["components"]["schemas"], PAGE["paths"]])
    for kind, width in (("number", "double"), ("integer", "int64")):
        schemas = re.findall(rf'{{[^{{}}]*"type": "{kind}"[^{{}}]*}}', shown)
        assert schemas
        assert [schema for schema in schemas if f'"format": "{width}"' not in schema] == []


def test_a_number_that_may_not_be_finite_has_one_schema() -> None:
    assert json.dumps(PAGE).count('"-inf"]') == 1
    assert PAGE["components"]["schemas"]["Report"]["properties"]["value"] == {"$ref": "#/components/schemas/Loss"}


def test_no_union_has_a_default_which_generators_for_languages_with_types_write_wrongly() -> None:
    for name, schema in PAGE["components"]["schemas"].items():
        for field, described in schema.get("properties", {}).items():
            assert "anyOf" not in described or described.get("default") is None, (name, field)
    assert "prior" in PAGE["components"]["schemas"]["Study"]["required"]
