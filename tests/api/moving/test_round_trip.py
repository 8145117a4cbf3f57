"""Export and import: nothing is lost between services, and all goes on where it was."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import optuna
import pytest
from starlette.testclient import TestClient

from lrtune import Client
from tests.api.calls import Json, StudyCalls
from tests.api.conftest import create, serving
from tests.api.moving.every_kind import every_kind, touched_by_optuna
from tests.conftest import new_postgres
from tests.support.at_port import at_port

Urls = dict[str, str]
WAYS = [("sqlite", "postgresql"), ("postgresql", "sqlite")]


@pytest.fixture(scope="module")
def urls(tmp_path_factory: pytest.TempPathFactory, postgres_admin_url: str) -> Iterator[Urls]:
    with new_postgres(postgres_admin_url) as postgres:
        yield {"sqlite": f"sqlite:///{tmp_path_factory.mktemp('moving')}/lrtune.db", "postgresql": postgres}


@pytest.fixture(scope="module")
def services(urls: Urls) -> Iterator[dict[str, TestClient]]:
    with ExitStack() as stack:
        yield {kind: stack.enter_context(serving(url)) for kind, url in urls.items()}


@pytest.fixture(scope="module")
def clients(services: dict[str, TestClient]) -> Iterator[dict[str, Client]]:
    with ExitStack() as stack:
        addresses = {kind: stack.enter_context(at_port(service)) for kind, service in services.items()}
        yield {kind: stack.enter_context(Client(address)) for kind, address in addresses.items()}


def exported(client: Client, name: str) -> list[bytes]:
    return list(client.export_study(name))


def written(lines: list[bytes], folder: Path) -> Path:
    path = folder / "study.jsonl"
    path.write_bytes(b"".join(lines))
    return path


Move = Callable[[str, str, str, str], list[bytes]]


@pytest.fixture
def move(clients: dict[str, Client], tmp_path: Path) -> Move:
    """Moves a study from one service to the other, under a new name; returns what was exported."""

    def moved(name: str, source: str, target: str, to: str) -> list[bytes]:
        lines = exported(clients[source], name)
        assert clients[target].import_study(written(lines, tmp_path), to).done
        return lines

    return moved


@pytest.mark.parametrize(("source", "target"), WAYS)
def test_an_imported_study_is_exported_to_the_byte_as_it_came(
    source: str, target: str, services: dict[str, TestClient], clients: dict[str, Client], urls: Urls, move: Move
) -> None:
    study = every_kind(services[source], f"bytes-{source}")
    touched_by_optuna(urls[source], study.name)
    _until_seen(study, 9)
    first = move(study.name, source, target, f"bytes-of-{source}")
    second = exported(clients[target], f"bytes-of-{source}")
    renamed = json.loads(first[0]) | {"name": f"bytes-of-{source}"}
    assert json.loads(second[0]) == renamed
    assert second[1:] == first[1:]
    kinds = {json.loads(line)["kind"] for line in first}
    assert kinds == {"study", "trial", "curve", "superseded", "range_test", "end"}


def _until_seen(study: StudyCalls, trials: int) -> None:
    """Wait until the service has noticed what a script did."""
    until = time.monotonic() + 20
    while len(study.trials()) != trials:
        assert time.monotonic() < until
        time.sleep(0.05)


ASKED = (
    "",
    "/status",
    "/trials",
    "/curves",
    "/suggestion",
    "/health",
    "/response",
    "/range-tests",
    "/range-tests/0",
    "/replays",
)


def _same(study: StudyCalls, below: str) -> Json:
    """What is told, but for the study's name and id, and what counts its changes on the service that it is on."""
    told = {name: value for name, value in study.get(below).items() if name not in ("id", "version", "updated_at")}
    found: Json = json.loads(json.dumps(told).replace(study.name, "NAME"))
    return found


@pytest.mark.parametrize(("source", "target"), WAYS)
def test_everything_that_can_be_asked_of_it_is_answered_as_before(
    source: str, target: str, services: dict[str, TestClient], move: Move
) -> None:
    study = every_kind(services[source], f"asked-{source}")
    move(study.name, source, target, f"asked-of-{source}")
    copy = StudyCalls(services[target], f"asked-of-{source}")
    engine = services[source].app.state.container.engine  # type: ignore[attr-defined]
    with engine.lock:
        engine.mirrors.drop_all()  # As after a restart: a time is in microseconds then.
    for below in ASKED:
        assert _same(copy, below) == _same(study, below), below
    assert copy.get()["id"] != study.get()["id"]
    for trial in study.trials():
        assert copy.trial(trial["number"]) == study.trial(trial["number"])
    csv = "/trials.csv"
    assert copy.client.get(copy.path + csv).content == study.client.get(study.path + csv).content


def test_optuna_reads_an_imported_study_as_it_read_the_original(
    services: dict[str, TestClient], urls: Urls, move: Move
) -> None:
    study = every_kind(services["sqlite"], "read-by-optuna")
    move(study.name, "sqlite", "postgresql", "read-by-optuna-too")
    before = optuna.load_study(study_name=study.name, storage=urls["sqlite"])
    after = optuna.load_study(study_name="read-by-optuna-too", storage=urls["postgresql"])
    assert before.directions == after.directions
    for one, other in zip(before.trials, after.trials, strict=True):
        for name in ("number", "state", "params", "distributions", "values", "datetime_start", "datetime_complete"):
            assert getattr(one, name) == getattr(other, name), name
        assert repr(one.intermediate_values) == repr(other.intermediate_values)
        assert one.system_attrs == other.system_attrs


def test_the_search_goes_on_with_the_budget_that_was_left(services: dict[str, TestClient], move: Move) -> None:
    spec: dict[str, Any] = {"max_trials": 4, "sampler": {"name": "random"}, "pruner": {"name": "none"}, "max_steps": 5}
    study = create(services["sqlite"], **spec)
    for _ in range(2):
        study.finish(study.lease(), "complete", value=1.0)
    move(study.name, "sqlite", "postgresql", "budget")
    copy = StudyCalls(services["postgresql"], "budget")
    assert [copy.lease()["number"] for _ in range(2)] == [2, 3]
    assert copy.ask().json()["done"] is False
    for _ in range(2):
        study.lease()


def test_what_ran_waits_with_its_checkpoint_for_the_next_worker(services: dict[str, TestClient], move: Move) -> None:
    study = create(services["sqlite"], sampler={"name": "random"}, pruner={"name": "none"}, max_steps=9)
    trial = study.lease(resumable=True)
    study.verdict(trial, (1, 2.0), (2, 1.5), (3, 1.4), checkpoint={"uri": "file:///c", "step": 2})
    fresh = study.lease()
    lines = move(study.name, "sqlite", "postgresql", "ran")
    assert trial["lease"].encode() not in b"".join(lines), "whoever knows it may write to the trial"
    copy = StudyCalls(services["postgresql"], "ran")
    assert [one["state"] for one in copy.trials()] == ["waiting", "waiting"]
    assert copy.trial(0)["curve"] == study.trial(0)["curve"]
    assert copy.heartbeat(trial).status_code == 409
    again = {leased["number"]: leased for leased in (copy.lease(resumable=True), copy.lease(resumable=True))}
    assert (again[0]["attempt"], again[0]["params"]) == (1, trial["params"])
    assert again[0]["resume"] == {"uri": "file:///c", "step": 2}
    assert (again[1]["attempt"], again[1]["params"], again[1]["resume"]) == (1, fresh["params"], None)
    assert study.heartbeat(trial).status_code == 200, "the original goes on"


def test_what_was_told_to_stop_is_over_and_what_an_optuna_script_ran_has_failed(
    services: dict[str, TestClient], urls: Urls, move: Move
) -> None:
    study = create(services["sqlite"], sampler={"name": "random"}, max_steps=9)
    trial = study.lease()
    assert study.verdict(trial, (1, "nan"))["reason"] == "diverged"
    optuna.load_study(study_name=study.name, storage=urls["sqlite"]).ask()
    _until_seen(study, 2)
    move(study.name, "sqlite", "postgresql", "told-to-stop")
    copy = StudyCalls(services["postgresql"], "told-to-stop")
    assert [one["state"] for one in copy.trials()] == ["diverged", "failed"]


@pytest.mark.parametrize("stopped", [True, False])
def test_a_study_that_was_held_up_still_is(services: dict[str, TestClient], move: Move, stopped: bool) -> None:
    study = create(services["sqlite"])
    study.patch(paused=not stopped, stopped=stopped)
    move(study.name, "sqlite", "postgresql", f"held-up-{stopped}")
    shown: Json = StudyCalls(services["postgresql"], f"held-up-{stopped}").get()
    assert (shown["paused"], shown["stopped"]) == (not stopped, stopped)


def test_a_later_study_starts_from_what_an_imported_one_found(services: dict[str, TestClient], move: Move) -> None:
    study = create(services["sqlite"], tags={"optimizer": "sgd", "family": "moved"})
    for value in range(6):
        study.post("/trials/record", {"params": {"learning_rate": 0.0123}, "value": value})
    move(study.name, "sqlite", "postgresql", "history")
    body = {"optimizer": "sgd", "family": "moved"}
    told = [services[kind].post("/v1/suggestions", json=body).json()["learning_rate"] for kind in services]
    assert told[0] == pytest.approx(told[1])
    assert told[0] == pytest.approx(0.0123, rel=0.05)
