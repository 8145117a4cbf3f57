"""What is wrong with a body is told in words of people, whatever of its fields it is."""

import re
from typing import Any

import pytest
from pydantic import ValidationError

from lrtune.service.wire.messages import place, said
from lrtune.service.wire.studies import NewStudy
from lrtune.service.wire.trials import Checkpoint, Report

RATE = {"type": "float", "low": 1e-5, "high": 1.0, "log": True}
PYDANTICS = re.compile(r"should|valid|pattern|\[key\]|[Ii]nput|\^")
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"tags": {"a": "x" * 201}}, "tags.a: may have 200 characters at most, not 201"),
    ({"tags": {"": "x"}}, "tags.: the name must not be empty"),
    ({"tags": {"a": ""}}, "tags.a: must not be empty"),
    ({"tags": {f"a{n}": "x" for n in range(51)}}, "tags: may have 50 items at most, not 51"),
    ({"search_space": {"": RATE}}, "search_space.: the name must not be empty"),
    ({"search_space": {"a b": RATE}}, "search_space.a b: the name must be 1 to 128 of the letters A-Z a-z, digits and"),
    ({"description": "x" * 4001}, "description: may have 4000 characters at most, not 4001"),
    ({"name": ""}, "name: must not be empty"),
    ({"name": "a/b"}, "name: must be 1 to 128 of the letters"),
    ({"lease_ttl_seconds": 0.5}, "lease_ttl_seconds: must be at least 1"),
    ({"lease_ttl_seconds": 1e6}, "lease_ttl_seconds: must be at most 86,400"),
    ({"max_trials": 0}, "max_trials: must be at least 1"),
    ({"max_trials": 10**10}, "max_trials: must be at most 1,000,000,000"),
    ({"max_trials": "3"}, "max_trials: must be a whole number (an integer)"),
    ({"direction": "up"}, "direction: must be 'minimize' or 'maximize'"),
]


def told(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    return f"{'.'.join(map(str, place(first['loc'])))}: {said(first)}"


@pytest.mark.parametrize(("wrong", "words"), WRONG)
def test_a_field_that_cannot_be_is_named_with_what_it_may_be(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as refused:
        NewStudy.model_validate({"name": "s", **wrong})
    assert told(refused.value).startswith(words)
    assert not PYDANTICS.search(told(refused.value))


@pytest.mark.parametrize(
    ("model", "body", "words"),
    [
        (Checkpoint, {"uri": "x" * 2001, "step": 1}, "uri: may have 2000 characters at most"),
        (Report, {"step": -1, "value": 1.0}, "step: must be at least 0"),
        (Report, {"step": 1}, "value: is missing"),
    ],
)
def test_what_a_training_sends_is_told_in_the_same_words(model: Any, body: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as refused:
        model.model_validate(body)
    assert told(refused.value) == words
