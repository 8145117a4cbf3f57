"""Who writes, what is there, and what goes wrong, in numbers."""

import threading
from contextlib import ExitStack

from sqlalchemy.exc import OperationalError
from starlette.testclient import TestClient

from lrtune.service.storage.commit.changes import Change
from lrtune.service.storage.engine.engine import Engine
from lrtune.service.storage.sql.writing.statements import Op
from tests.api.conftest import create, serving
from tests.api.measured.scraped import scrape
from tests.api.test_held_up_loop import held_up
from tests.faults.conftest import until


def test_trials_are_told_by_state_and_a_paused_one_is_not_waiting(own_client: TestClient) -> None:
    study = create(own_client, max_steps=9, pruner={"name": "none"})
    study.lease()
    for state in ("complete", "diverged", "failed", "pruned"):
        trial = study.lease()
        study.verdict(trial, (1, 0.5))
        study.finish(trial, state)
    paused = study.lease()
    study.verdict(paused, (1, 0.5))
    study.release(study.lease())
    with study_lock(own_client) as engine:
        mirror = engine.resident(study.name)
        assert mirror is not None
        work = mirror.trials[paused["number"]].work
        assert work is not None
        work.stop_reason = "paused"
    study.release(paused, {"uri": "file:///c", "step": 1})

    seen = scrape(own_client)
    states = ("running", "waiting", "paused", "complete", "pruned", "diverged", "failed")
    assert {state: seen("lrtune_trials", state=state) for state in states} == dict.fromkeys(states, 1.0)
    assert (seen("lrtune_studies"), seen("lrtune_studies_resident")) == (1, 1)


def study_lock(client: TestClient) -> "Locked":
    return Locked(client.app.state.container.engine)  # type: ignore[attr-defined]


class Locked:
    """The engine, held still."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def __enter__(self) -> Engine:
        self._engine.lock.acquire()
        return self._engine

    def __exit__(self, *_error: object) -> None:
        self._engine.lock.release()


def test_studies_that_are_not_in_memory_count_as_studies_and_not_as_resident(own_client: TestClient) -> None:
    create(own_client)
    create(own_client)
    own_client.app.state.container.engine.mirrors.drop_all()  # type: ignore[attr-defined]
    seen = scrape(own_client)
    assert (seen("lrtune_studies"), seen("lrtune_studies_resident")) == (2, 0)


def test_of_two_services_one_is_the_writer_and_the_other_the_standby(storage_url: str) -> None:
    with ExitStack() as both:
        first, second = (both.enter_context(serving(storage_url)) for _ in range(2))
        assert [scrape(client)("lrtune_writer") for client in (first, second)] == [1, 0]
        assert [scrape(client)("lrtune_standby") for client in (first, second)] == [0, 1]


def test_a_loop_that_was_held_up_was_late_by_that(own_client: TestClient) -> None:
    until(lambda: scrape(own_client)("lrtune_loop_lag_seconds_count") > 1)
    before = scrape(own_client)
    with held_up(own_client):
        threading.Event().wait(1.2)
    until(
        lambda: scrape(own_client)("lrtune_loop_lag_seconds_sum") - before("lrtune_loop_lag_seconds_sum") > 0.8,
    )
    seen = scrape(own_client)
    late = seen("lrtune_loop_lag_seconds_count") - seen("lrtune_loop_lag_seconds_bucket", le="0.5")
    assert late >= 1


def test_a_row_that_the_database_refuses_counts_as_a_failure_that_was_tried_again(own_client: TestClient) -> None:
    study = create(own_client)
    assert scrape(own_client)("lrtune_commit_failures_total", reason="refused") == 0
    with study_lock(own_client) as engine:
        mirror = engine.resident(study.name)
        assert mirror is not None
        with engine.change(mirror) as change:
            _spoil(change)
    until(lambda: scrape(own_client)("lrtune_commit_failures_total", reason="refused") >= 1)
    assert scrape(own_client)("lrtune_commit_failures_total", reason="lost") == 0


def _spoil(change: Change) -> None:
    row = {"study_id": change.study.study_id, "key": object(), "value_json": "1"}
    change.rows.append((Op.SET_STUDY_USER_ATTR, row))


def test_a_database_that_does_not_answer_counts_as_a_failure_that_lost_the_batch(own_client: TestClient) -> None:
    study = create(own_client)
    engine: Engine = own_client.app.state.container.engine  # type: ignore[attr-defined]

    def broken(*_arguments: object, **_options: object) -> None:
        raise engine.database.unavailable(OperationalError("", None, Exception("disk I/O error")))

    engine.database.write = broken  # type: ignore[method-assign]
    try:
        assert study.ask().status_code == 503
    finally:
        del engine.database.write  # type: ignore[method-assign]
    until(lambda: own_client.get("/readyz").status_code == 200)
    assert scrape(own_client)("lrtune_commit_failures_total", reason="lost") == 1


def test_what_waits_to_be_committed_is_told(own_client: TestClient) -> None:
    study = create(own_client)
    assert own_client.portal is not None

    async def look() -> tuple[float, float]:
        container = own_client.app.state.container  # type: ignore[attr-defined]
        engine: Engine = container.engine
        mirror = engine.resident(study.name)
        assert mirror is not None
        with engine.change(mirror) as change:
            change.set_study_attr("seen", 1, system=False)
        container.metrics.engine.look(engine)
        text = container.metrics.render().decode()
        await change.on_disk()
        waiting = [line for line in text.splitlines() if line.startswith("lrtune_changes_waiting")]
        return float(waiting[0].split()[1]), engine.committer.waiting

    assert own_client.portal.call(look) == (1.0, 0)
