"""One study that cannot be read is its own trouble: it says so, it can be deleted, and everything else goes on."""

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from starlette.testclient import TestClient

from lrtune.service.storage import OptunaStorage
from tests.api.calls import Json, StudyCalls, assert_problem
from tests.api.conftest import create, serving
from tests.faults.conftest import until


def change(field: str, value: Any) -> Callable[[str], str]:
    return lambda spec: json.dumps(json.loads(spec) | {field: value})


def deep(spec: str) -> str:
    fields = json.loads(spec)
    fields["search_space"]["learning_rate"]["shade"] = "blue"
    fields["sampler"]["newer_option"] = [1, 2]
    return json.dumps(fields | {"newer": {"a": 1}})


BROKEN: dict[str, Callable[[str], str]] = {
    "broken JSON": lambda spec: spec[:-5],
    "no object": lambda _: "[]",
    "empty": lambda _: "",
    "a wrong type": change("lease_ttl_seconds", "an hour"),
    "a sampler of another version": change("sampler", {"name": "newer"}),
    "an impossible value": change("max_attempts", -1),
}


@pytest.fixture
def client(migrated_url: str) -> Iterator[TestClient]:
    with serving(migrated_url) as made:
        yield made


def rewrite_in(url: str, client: TestClient, name: str, how: Callable[[str], str]) -> None:
    """Change the spec of a study in the database, and drop it from memory."""
    engine = client.app.state.container.engine  # type: ignore[attr-defined]
    study = engine.load_name(name)
    key = {"id": study.study_id}
    writer = create_engine(url)
    with writer.begin() as connection:
        spec = connection.execute(text("select spec from lrtune_studies where study_id = :id"), key).scalar_one()
        connection.execute(
            text("update lrtune_studies set spec = :spec where study_id = :id"), key | {"spec": how(spec)}
        )
    writer.dispose()
    with engine.lock:
        engine.mirrors.drop(study)


@pytest.fixture
def rewrite(migrated_url: str, client: TestClient) -> Callable[[str, Callable[[str], str]], None]:
    return partial(rewrite_in, migrated_url, client)


def short_lived(client: TestClient, name: str) -> tuple[StudyCalls, Json]:
    """A study, and a trial of it that nobody will renew."""
    study = create(client, name=name, lease_ttl_seconds=1, sampler={"name": "random"}, pruner={"name": "none"})
    return study, study.lease()


@pytest.mark.parametrize("how", BROKEN.values(), ids=BROKEN)
def test_a_study_whose_spec_cannot_be_read_keeps_no_other_from_anything(
    client: TestClient, rewrite: Callable[..., None], how: Callable[[str], str]
) -> None:
    bad, held = short_lived(client, "bad")
    good, left = short_lived(client, "good")
    rewrite("bad", how)
    engine = client.app.state.container.engine  # type: ignore[attr-defined]
    engine.load_leased()
    until(lambda: good.trial(left["number"])["state"] == "waiting")
    for answer in (
        client.get("/v1/studies/bad"),
        client.get("/v1/studies/bad/status"),
        client.get("/v1/studies/bad/trials.csv"),
        bad.ask(),
        bad.report(held, (1, 0.5)),
        client.patch("/v1/studies/bad", json={"paused": True}),
        client.post("/v1/studies", json={"name": "bad", "if_exists": "load"}),
    ):
        found = assert_problem(answer, 409, "study-unreadable")
        assert "'bad'" in found["detail"]
        assert "delete the study" in found["detail"]
    listed = client.get("/v1/studies").json()
    assert [study["name"] for study in listed["items"]] == ["good"]
    assert [study["name"] for study in listed["unreadable"]] == ["bad"]
    ready = client.get("/readyz")
    assert (ready.status_code, list(ready.json()["unreadable_studies"])) == (200, ["bad"])
    assert [study.study_name for study in OptunaStorage(engine).get_all_studies()] == ["good"]
    assert good.lease()["attempt"] == 2


@pytest.mark.parametrize(
    "damage",
    ["update trial_params set distribution_json = 'log-uniform' where trial_id = :trial",
     "update trial_params set distribution_json = '{\"name\": \"Newer\"}' where trial_id = :trial",
     "insert into trial_system_attributes (trial_id, key, value_json) values (:trial, 'k', '{')",
     "insert into study_user_attributes (study_id, key, value_json) select study_id, 'k', 'no JSON' from trials "
     "where trial_id = :trial"],
)  # fmt: skip
def test_rows_that_make_no_sense_are_the_trouble_of_their_study_alone(
    client: TestClient, migrated_url: str, damage: str
) -> None:
    short_lived(client, "bad")
    good, left = short_lived(client, "good")
    engine = client.app.state.container.engine  # type: ignore[attr-defined]
    study = engine.load_name("bad")
    writer = create_engine(migrated_url)
    with writer.begin() as connection:
        connection.execute(text(damage), {"trial": study.trials[0].trial_id})
    writer.dispose()
    with engine.lock:
        engine.mirrors.drop(study)
    engine.load_leased()
    assert_problem(client.get("/v1/studies/bad"), 409, "study-unreadable")
    until(lambda: good.trial(left["number"])["state"] == "waiting")
    assert [study["name"] for study in client.get("/v1/studies").json()["unreadable"]] == ["bad"]
    assert client.delete("/v1/studies/bad").status_code == 204


def test_a_study_that_cannot_be_read_can_be_deleted_and_its_name_used_again(
    client: TestClient, rewrite: Callable[..., None]
) -> None:
    short_lived(client, "bad")
    rewrite("bad", BROKEN["broken JSON"])
    assert_problem(client.get("/v1/studies/bad"), 409, "study-unreadable")
    assert client.delete("/v1/studies/bad").status_code == 204
    (entry,) = client.get("/v1/audit", params={"study": "bad", "action": "study.delete"}).json()["items"]
    assert entry["before"] == {"unreadable": True}
    assert_problem(client.get("/v1/studies/bad"), 404, "study-not-found")
    assert "unreadable_studies" not in client.get("/readyz").json()
    assert client.get("/v1/studies").json() == {"items": [], "next_cursor": None, "unreadable": []}
    again, trial = short_lived(client, "bad")
    assert trial["number"] == 0
    assert again.get()["trials"] == 1


def test_a_study_that_is_mended_in_the_database_is_served_again(
    client: TestClient, rewrite: Callable[..., None]
) -> None:
    short_lived(client, "bad")
    kept: list[str] = []
    rewrite("bad", lambda spec: kept.append(spec) or "{")  # type: ignore[func-returns-value]
    assert_problem(client.get("/v1/studies/bad"), 409, "study-unreadable")
    engine = client.app.state.container.engine  # type: ignore[attr-defined]
    with engine.database.read() as connection:
        connection.execute(text("update lrtune_studies set spec = :spec"), {"spec": kept[0]})
        connection.commit()
    assert client.get("/v1/studies/bad").status_code == 200
    assert "unreadable_studies" not in client.get("/readyz").json()


def test_fields_that_a_newer_version_wrote_are_passed_over_wherever_they_stand(
    client: TestClient, rewrite: Callable[..., None]
) -> None:
    study, trial = short_lived(client, "newer")
    before = study.get()
    rewrite("newer", deep)
    assert {**study.get(), "trials": 0} == {**before, "trials": 0}
    assert study.finish(study.lease(), value=0.5)["state"] == "complete"
    assert "unreadable_studies" not in client.get("/readyz").json()
    refused = client.post("/v1/studies", json={"name": "strict", "newer": 1})
    assert assert_problem(refused, 422, "invalid-body")["errors"][0]["loc"] == ["newer"]
    assert trial["number"] == 0


def test_specs_that_cannot_be_read_are_found_when_the_service_starts(migrated_url: str) -> None:
    with serving(migrated_url) as first:
        create(first, name="idle")
        rewrite_in(migrated_url, first, "idle", BROKEN["a wrong type"])
    with serving(migrated_url) as successor:
        until(lambda: "idle" in successor.get("/readyz").json().get("unreadable_studies", {}))
        why = successor.get("/readyz").json()["unreadable_studies"]["idle"]
        assert why.startswith("spec.lease_ttl_seconds")
        assert "an hour" not in why


def test_a_prior_that_cannot_be_read_is_as_if_none_had_been_chosen(client: TestClient) -> None:
    study = create(client, name="s")
    engine = client.app.state.container.engine  # type: ignore[attr-defined]
    mirror = engine.load_name("s")
    for value in (5, {"learning_rate": "?"}, [None]):
        with engine.change(mirror) as change:
            change.set_study_attr("lrtune:chosen_prior", value, system=True)
        change.wait()
        assert study.get()["prior"] == "auto"
        assert study.lease()["attempt"] == 1


@pytest.mark.parametrize("name", ["eta0", "lr", "decay"])
def test_a_stored_parameter_that_an_older_version_took_for_no_rate_is_none_still(
    client: TestClient, rewrite: Callable[..., None], name: str
) -> None:
    study = create(
        client, search_space={"x": {"type": "float", "low": 0, "high": 1, "step": 0.25}}, sampler={"name": "tpe"}
    )
    rewrite(study.name, lambda spec: spec.replace('"x"', f'"{name}"'))
    found = study.get()
    assert list(found["search_space"]) == [name]
    assert study.get("/suggestion")["learning_rate"] is None
    assert study.lease()["params"].keys() == {name}


def test_a_nul_in_a_stored_text_is_read_as_u_fffd(client: TestClient, rewrite: Callable[..., None]) -> None:
    study = create(client, tags={"family": "a?b", "path": "c:\\u0000"})
    rewrite(study.name, lambda spec: spec.replace("a?b", "a\\u0000b"))
    assert study.get()["tags"] == {"family": "a\ufffdb", "path": "c:\\u0000"}
