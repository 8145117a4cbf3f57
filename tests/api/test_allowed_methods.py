"""A path that does not take a method says which it takes."""

import json
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tests.api.calls import assert_problem
from tests.docs.openapi import DOCUMENT

PAGE = json.loads(Path(DOCUMENT).read_text())["paths"]
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY")


@pytest.mark.parametrize("path", PAGE)
def test_every_method_that_a_path_is_not_documented_with_is_refused_by_the_list_of_those_it_is(
    client: TestClient, path: str
) -> None:
    documented = sorted(method.upper() for method in PAGE[path])
    asked = path.replace("{study}", "none").replace("{number}", "0").replace("{id}", "none")
    for method in METHODS:
        if method not in documented:
            answer = client.request(method, asked)
            assert answer.headers["allow"].split(", ") == documented, method
            if method != "HEAD":
                assert_problem(answer, 405, "method-not-allowed")


@pytest.mark.parametrize(
    ("path", "allowed"),
    [("/", "GET"), ("/sign-in", "GET, POST"), ("/openapi.json", "GET, HEAD"), ("/assets/look/style.css", "GET, HEAD")],
)
def test_pages_and_files_say_it_too(client: TestClient, path: str, allowed: str) -> None:
    answer = client.put(path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
