"""The event loop is held up for a while, by whatever."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from starlette.testclient import TestClient

from lrtune.service.storage.engine.engine import Engine
from tests.api.conftest import NewStudy
from tests.faults.conftest import until


@contextmanager
def held_up(client: TestClient) -> Iterator[None]:
    """The loop does nothing within the block."""
    assert client.portal is not None
    go_on = threading.Event()
    task = client.portal.start_task_soon(go_on.wait, 30)
    try:
        yield
    finally:
        go_on.set()
        task.result(10)


def test_leases_outlast_a_loop_that_was_held_up_for_longer(
    own_client: TestClient, own_study_with_short_leases: NewStudy
) -> None:
    study = own_study_with_short_leases(max_steps=9, pruner={"name": "none"})
    leased = [study.lease() for _ in range(5)]
    with held_up(own_client):
        threading.Event().wait(2.5)
    assert [study.heartbeat(trial).status_code for trial in leased] == [200] * 5
    until(lambda: study.get("/status")["trials"]["waiting"] == 5)


def test_other_threads_see_that_the_loop_hangs_and_that_it_turns_again(own_client: TestClient) -> None:
    engine: Engine = own_client.app.state.container.engine  # type: ignore[attr-defined]
    until(lambda: 0 < engine.pulse.silent_seconds < 1)
    with held_up(own_client):
        until(lambda: engine.pulse.silent_seconds > 1.5)
    until(lambda: engine.pulse.silent_seconds < 0.5)


def test_on_sqlite_which_has_no_standby_the_log_speaks_of_none(
    own_client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    def lines() -> list[str]:
        return [record.message for record in caplog.records if "has not turned" in record.message]

    with held_up(own_client):
        until(lambda: bool(lines()))
    assert ["nobody is served until it does" in line for line in lines()] == [True]
