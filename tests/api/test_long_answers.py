"""Answers as long as a study's history: made in slices, bounded where asked for, and no study loaded for a list."""

import asyncio
import csv
import io
import itertools
import json
import math
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from lrtune.service.api.http.slices import Slices
from lrtune.service.api.optuna.dashboard import MOST_TRIALS, _dumps
from lrtune.service.storage.engine.engine import Engine
from lrtune.service.storage.errors import StorageUnavailable
from lrtune.service.storage.memory.study import StudyMirror
from lrtune.service.tuning.suggesting.suggestion import look
from lrtune.service.tuning.views.curves import POINTS_A_SLICE
from lrtune.service.tuning.views.trials import LOOKED_AT_A_SLICE, TRIALS_A_SLICE, TrialPaging, csv_slices
from tests.api.calls import Json, StudyCalls, assert_problem
from tests.api.conftest import NewStudy, serving
from tests.benchmarks.filling import fill, spec_of

MANY = 1_234


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A service whose study `many` has a thousand trials, and `few` three."""
    url = f"sqlite:///{tmp_path_factory.mktemp('long')}/lrtune.db"
    fill(url, [(spec_of("many"), MANY), (spec_of("few"), 3)])
    with serving(url) as client:
        yield client


def _engine(client: TestClient) -> Engine:
    engine: Engine = client.app.state.container.engine  # type: ignore[attr-defined]
    return engine


def _mirror(client: TestClient, name: str) -> StudyMirror:
    return _engine(client).load_name(name)


# Slices


def test_the_csv_is_made_of_slices_of_bounded_size(filled: TestClient) -> None:
    sizes = [text.count("\r\n") for text in csv_slices(_mirror(filled, "many"))]
    assert sizes[0] == 1, "the header"
    assert max(sizes) <= TRIALS_A_SLICE
    assert sum(sizes) == MANY + 1
    text = filled.get("/v1/studies/many/trials.csv").text
    assert [int(row["number"]) for row in csv.DictReader(io.StringIO(text))] == list(range(MANY))


@pytest.mark.parametrize("limit", [1, 99, 100, 101, 1000, MANY])
def test_a_page_is_made_of_slices_of_bounded_size(filled: TestClient, limit: int) -> None:
    page = TrialPaging(_mirror(filled, "many"), None, limit, lambda _: True)
    some = list(page)
    assert max(map(len, some)) <= TRIALS_A_SLICE
    assert [trial.number for part in some for trial in part] == list(range(limit))
    assert page.next == (None if limit == MANY else str(limit - 1))


def test_what_is_not_wanted_is_looked_through_in_slices(filled: TestClient) -> None:
    looked = 0

    def wanted(_: object) -> bool:
        nonlocal looked
        looked += 1
        return False

    seen = []
    for some in TrialPaging(_mirror(filled, "many"), None, 10, wanted):
        seen.append(looked)
        assert some == []
    assert looked == MANY
    assert max(after - before for before, after in itertools.pairwise([0, *seen])) <= LOOKED_AT_A_SLICE < MANY


def test_pages_of_a_thousand_follow_each_other(filled: TestClient) -> None:
    first = filled.get("/v1/studies/many/trials", params={"limit": 1000}).json()
    cursor = first["next_cursor"]
    second = filled.get("/v1/studies/many/trials", params={"limit": 1000, "cursor": cursor}).json()
    assert [trial["number"] for page in (first, second) for trial in page["items"]] == list(range(MANY))
    assert second["next_cursor"] is None


def test_readers_make_one_slice_a_turn_of_the_loop_together() -> None:
    """However many there are: between two slices of whomever, everybody else has had a turn."""
    turns, made_at = 0, []

    def slices() -> Iterator[int]:
        for _ in range(5):
            made_at.append(turns)
            yield 1

    async def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def run() -> None:
        counting = asyncio.create_task(count_turns())
        shared = Slices(threading.RLock())
        await asyncio.gather(*(shared.all(slices()) for _ in range(8)))
        counting.cancel()

    asyncio.run(run())
    assert len(made_at) == 8 * 5
    assert len(set(made_at)) == len(made_at)


class _NotedLock:
    """A lock that knows whether it is held."""

    held = False

    def __enter__(self) -> None:
        self.held = True

    def __exit__(self, *_: object) -> None:
        self.held = False


def test_a_slice_is_made_under_the_engines_lock_which_is_free_between_two() -> None:
    lock, within, between = _NotedLock(), [], []

    def slices() -> Iterator[int]:
        for number in range(3):
            within.append(lock.held)
            yield number

    async def run() -> None:
        async for _ in Slices(lock).each(slices()):
            between.append(lock.held)

    asyncio.run(run())
    assert (within, between) == ([True] * 3, [False] * 3)


def test_what_is_made_in_a_thread_keeps_neither_the_loop_nor_the_lock() -> None:
    lock, ended = _NotedLock(), threading.Event()

    def make() -> tuple[bool, bool]:
        return ended.wait(10), lock.held

    async def run() -> tuple[bool, bool]:
        making = asyncio.create_task(Slices(lock).in_thread(make))
        await asyncio.sleep(0.01)
        ended.set()  # The loop goes on meanwhile, or this comes too late.
        return await making

    assert asyncio.run(run()) == (True, False)


def test_an_answer_breaks_off_where_the_study_was_lost_meanwhile(tmp_path: object) -> None:
    """What follows might not be on disk; who reads it sees that it is not whole."""
    url = f"sqlite:///{tmp_path}/lost.db"
    fill(url, [(spec_of("many"), 3 * TRIALS_A_SLICE)])
    with serving(url) as client:
        engine, study = _engine(client), _mirror(client, "many")
        rows = csv_slices(study)
        next(rows), next(rows)
        with engine.lock:
            engine.mirrors.drop(study)
        with pytest.raises(Exception, match="read anew"):
            next(rows)


# Curves

CURVE = [math.sin(step / 50) + 2 for step in range(5 * POINTS_A_SLICE // 2)]
SPIKE, NAN = 1_111, 2_222


@pytest.fixture(scope="module")
def long_curve(client: TestClient) -> StudyCalls:
    """A study with one trial of a long curve, a spike in it and a report that is not a number, told out of order."""
    calls = StudyCalls(client, "long-curve")
    assert client.post("/v1/studies", json={"name": calls.name, "pruner": {"name": "none"}}).status_code == 201
    values: list[Any] = list(CURVE)
    values[SPIKE], values[NAN] = 99.0, "nan"
    reports = [{"step": step + 1, "value": value} for step, value in enumerate(values)]
    body = {"params": {"learning_rate": 1e-3}, "state": "failed", "reports": reports[::-1]}
    assert calls.post("/trials/record", body).status_code == 201
    return calls


def test_without_a_limit_the_whole_curve_is_shown_by_step(long_curve: StudyCalls) -> None:
    curve = long_curve.trial(0)["curve"]
    assert [point["step"] for point in curve] == list(range(1, len(CURVE) + 1))
    assert curve[NAN]["value"] == "nan"
    assert curve[SPIKE]["value"] == 99.0
    assert curve[7]["value"] == CURVE[7]


@pytest.mark.parametrize("most", [5, 10, 77, 1000])
def test_a_thinned_curve_keeps_its_ends_its_extremes_and_what_is_not_finite(long_curve: StudyCalls, most: int) -> None:
    shown = long_curve.get("/trials/0", max_points=most)
    steps = [point["step"] for point in shown["curve"]]
    assert len(steps) <= most
    assert steps == sorted(set(steps))
    assert (steps[0], steps[-1]) == (1, len(CURVE))
    assert {SPIKE + 1, NAN + 1} <= set(steps)
    assert CURVE.index(min(CURVE)) + 1 in steps
    assert shown["diagnosis"] == long_curve.trial(0)["diagnosis"]


def test_a_curve_within_the_limit_is_whole(each_study: NewStudy) -> None:
    study = each_study(max_steps=9, pruner={"name": "none"})
    trial = study.lease()
    study.verdict(trial, *((step, 1.0 / step) for step in range(1, 8)))
    assert [point["step"] for point in study.get("/trials/0", max_points=7)["curve"]] == list(range(1, 8))


@pytest.mark.parametrize("most", ["4", "0", "-1", "x", "1000001"])
def test_a_limit_that_cannot_hold_the_extremes_is_refused(long_curve: StudyCalls, most: str) -> None:
    response = long_curve.client.get(f"{long_curve.path}/trials/0", params={"max_points": most})
    assert assert_problem(response, 422)["errors"][0]["loc"] == ["query", "max_points"]


def test_once_enough_trials_are_complete_a_suggestion_copies_no_curve_of_one_that_still_runs(
    own_client: TestClient,
) -> None:
    assert own_client.post("/v1/studies", json={"name": "s"}).status_code == 201
    study = StudyCalls(own_client, "s")
    study.verdict(study.lease(), *((step, 1.0 / step) for step in range(1, 9)))
    for value in range(4):
        study.post("/trials/record", {"params": {"learning_rate": 10.0**-value}, "value": value})
    engine, mirror = _engine(own_client), _mirror(own_client, "s")
    with engine.lock:
        running = mirror.trials[0]
        running.touch()
        look(mirror)
        assert not running.is_frozen


# Lists of studies


def _lock_by_a_neighbour(engine: Engine, name: str) -> None:
    """What a change of the study leaves behind that has met another process's lock."""
    study = engine.load_name(name)
    with engine.lock:
        engine.mirrors.take_back(study, exists=True)
        engine._queue.locked.note(study.study_id)


def test_a_study_that_another_process_has_locked_is_listed_with_the_others(own_client: TestClient) -> None:
    assert own_client.post("/v1/studies", json={"name": "fine"}).status_code == 201
    body = {"name": "locked", "max_steps": 10, "max_total_steps": 100}
    assert own_client.post("/v1/studies", json=body).status_code == 201
    assert StudyCalls(own_client, "locked").post("/trials/enqueue", {"params": {"learning_rate": 0.1}}).is_success
    _lock_by_a_neighbour(_engine(own_client), "locked")
    assert_problem(own_client.get("/v1/studies/locked"), 503, "storage-unavailable")
    assert list(_listed(own_client)) == ["fine", "locked"]


def test_the_leases_of_others_are_watched_while_a_study_is_locked(own_client: TestClient) -> None:
    for name in ("a-locked", "leased"):
        assert own_client.post("/v1/studies", json={"name": name}).status_code == 201
        StudyCalls(own_client, name).lease()
    engine = _engine(own_client)
    _lock_by_a_neighbour(engine, "a-locked")
    with engine.lock:
        engine.mirrors.drop_all()
    with pytest.raises(StorageUnavailable):
        engine.load_leased()  # To be tried again, for the one that is locked.
    assert [study.name for study in engine.residents()] == ["leased"]


def _listed(client: TestClient) -> dict[str, Json]:
    found: dict[str, Json] = {}
    query: Json = {"limit": 3}
    while True:
        page = client.get("/v1/studies", params=query).json()
        assert len(page["items"]) <= 3
        found |= {study["name"]: study for study in page["items"]}
        if page["next_cursor"] is None:
            return found
        query["cursor"] = page["next_cursor"]


def _studies_of_every_kind(client: TestClient) -> None:
    def create(name: str, **spec: Any) -> StudyCalls:
        assert client.post("/v1/studies", json={"name": name, **spec}).status_code == 201
        return StudyCalls(client, name)

    create("empty", prior={"learning_rate": {"median": 0.01}}, tags={"family": "cnn"})
    create("stopped").patch(stopped=True)
    create("paused").patch(paused=True, description="for now")
    spent = create("spent", max_trials=1)
    spent.finish(spent.lease(), value=1.0)
    held = create("held", max_trials=1)
    held.lease()
    waits = create("waits", max_trials=1)
    waits.release(waits.lease())
    steps = create("steps", max_steps=4, max_total_steps=6, pruner={"name": "none"})
    first = steps.lease()
    steps.verdict(first, (1, 1.0), (4, 0.5))
    steps.finish(first)
    fewer = create("fewer-steps", max_steps=4, max_total_steps=9, pruner={"name": "none"})
    first = fewer.lease()
    fewer.verdict(first, (4, 0.5))
    fewer.finish(first)
    create("fails", max_trials=2).finish(StudyCalls(client, "fails").lease(), "failed")


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_studies_are_listed_alike_in_memory_and_from_the_database(
    kind: str, tmp_path: object, request: pytest.FixtureRequest
) -> None:
    url = f"sqlite:///{tmp_path}/l.db" if kind == "sqlite" else request.getfixturevalue("migrated_postgres_url")
    with serving(url) as client:
        _studies_of_every_kind(client)
        in_memory = _listed(client)
        assert in_memory == {name: client.get(f"/v1/studies/{name}").json() for name in in_memory}
        assert in_memory["spent"]["state"] == in_memory["steps"]["state"] == "finished"
        assert {in_memory[name]["state"] for name in ("held", "waits", "fewer-steps", "fails")} == {"running"}
        engine = _engine(client)
        with engine.lock:
            engine.mirrors.drop_all()
        assert _listed(client) == in_memory
        # The one with a lease is loaded to watch that, now or in a second.
        assert {study.name for study in engine.residents()} <= {"held"}, "no study is loaded for a list"


def test_a_list_does_not_count_as_use(own_client: TestClient) -> None:
    assert own_client.post("/v1/studies", json={"name": "idle"}).status_code == 201
    engine = _engine(own_client)
    study = _mirror(own_client, "idle")
    study.last_used = 1.0
    assert "idle" in _listed(own_client)
    assert study.last_used == 1.0
    assert engine.residents() == [study]


# optuna-dashboard


def test_the_dashboard_shows_a_study_as_before(filled: TestClient) -> None:
    shown = filled.get("/api/studies/1").json()
    assert [trial["number"] for trial in shown["trials"]] == list(range(MANY))
    assert len(shown["trials"][0]["intermediate_values"]) == 10


def test_the_dashboard_refuses_a_study_that_would_keep_everybody_waiting(tmp_path: object) -> None:
    url = f"sqlite:///{tmp_path}/large.db"
    fill(url, [(spec_of("large"), MOST_TRIALS + 1)])
    with serving(url) as client:
        response = client.get("/api/studies/1")
        assert response.status_code == 413
        assert "/v1/studies/large/trials.csv" in response.json()["reason"]


@pytest.mark.parametrize(
    "value",
    [
        {},
        [],
        {"a": []},
        {"a": {"b": [1, 2.5, None, "x", True]}, "é": "ü"},
        {"trials": [{"number": number, "values": list(range(number * 3))} for number in range(450)]},
        {"trials": list(range(401)), "nested": {"long": [{"x": ["y"] * 201}] * 2}},
    ],
)
def test_json_in_pieces_is_the_same_json(value: object) -> None:
    assert json.loads(_dumps(value)) == value
