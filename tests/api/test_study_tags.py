"""Lists of studies, chosen by tags and by how names begin."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from lrtune.service.wire.tags import parse_tags
from tests.api.calls import assert_problem
from tests.api.conftest import serving
from tests.api.secured import bearer, served

TAGGED = {
    "a-1": {"family": "cnn", "optimizer": "sgd"},
    "a-2": {"family": "cnn", "optimizer": "adamw"},
    "b-1": {"family": "mlp", "optimizer": "adamw", "note": "a=b & c"},
    "b-2": {},
}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with serving(f"sqlite:///{tmp_path_factory.mktemp('tags')}/lrtune.db") as client:
        for name, tags in TAGGED.items():
            assert client.post("/v1/studies", json={"name": name, "tags": tags}).status_code == 201
        yield client


def listed(client: TestClient, **query: object) -> list[str]:
    """The names, over all pages."""
    names: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = client.get("/v1/studies", params={**query, **cursor}).json()
        names += [study["name"] for study in page["items"]]
        if page["next_cursor"] is None:
            return names
        cursor = {"cursor": page["next_cursor"]}


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({}, ["a-1", "a-2", "b-1", "b-2"]),
        ({"tag": "family=cnn"}, ["a-1", "a-2"]),
        ({"tag": ["family=cnn", "optimizer=adamw"]}, ["a-2"]),
        ({"tag": "note=a=b & c"}, ["b-1"]),
        ({"tag": ["family=cnn", "family=mlp"]}, []),
        ({"tag": "family=c"}, []),
        ({"tag": "family=CNN"}, []),
        ({"prefix": "b-"}, ["b-1", "b-2"]),
        ({"prefix": "a-", "tag": "optimizer=adamw"}, ["a-2"]),
        ({"prefix": "c"}, []),
    ],
)
@pytest.mark.parametrize("limit", [1, 2, 100])
def test_studies_are_chosen_over_all_pages(
    client: TestClient, query: dict[str, object], names: list[str], limit: int
) -> None:
    assert listed(client, **query, limit=limit) == names


def test_a_tag_that_was_set_before_a_restart_is_found(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path}/lrtune.db"
    with serving(storage) as first:
        first.post("/v1/studies", json={"name": "s", "tags": {"family": "cnn"}})
    with serving(storage) as second:
        assert listed(second, tag="family=cnn") == ["s"]


@pytest.mark.parametrize("tags", ["family", "=cnn", "", ["a=1", "b"]])
def test_what_is_no_tag_is_refused_by_field(client: TestClient, tags: object) -> None:
    found = assert_problem(client.get("/v1/studies", params={"tag": tags}), 422, "invalid-body")
    assert found["errors"][0]["loc"] == ["tag"]
    assert "write KEY=VALUE" in found["detail"]


def test_nobody_looks_for_more_tags_than_make_sense(client: TestClient) -> None:
    response = client.get("/v1/studies", params={"tag": [f"k{number}=v" for number in range(33)]})
    assert_problem(response, 422, "invalid-body")
    assert len(response.text) < 2_000


def test_tags_show_nobody_studies_beyond_the_scope(tmp_path: Path) -> None:
    with served(f"sqlite:///{tmp_path}/lrtune.db") as service:
        for name in ("cifar-1", "secret"):
            service.create(name, tags={"family": "cnn"})
        body = {"role": "viewer", "scopes": ["cifar-*"]}
        viewer = service.client.post("/v1/tokens", json=body, headers=bearer(service.admin)).json()
        found = service("GET", "/v1/studies?tag=family=cnn", by=viewer)
        assert [study["name"] for study in found["items"]] == ["cifar-1"]


def test_the_same_tag_twice_is_one() -> None:
    assert parse_tags(["a=1", "a=1"]) == {"a": "1"}
