"""`Client("local")`: all that a service does, without one."""

import asyncio
import contextlib
import logging
import threading
import time
from pathlib import Path

import pytest

from lrtune import Client, LrtuneError, StudyChange, StudyStatus
from lrtune.service.embedded import shared
from lrtune.service.storage.engine.engine import open_engine
from lrtune.service.storage.memory.actor import whoever_typed
from tests.embedded.conftest import engines, wait_for_engines


def train_all(client: Client, name: str, **spec: int) -> None:
    study = client.create_study(name, **{"max_trials": 3, "max_steps": 2, **spec})
    for trial in study.leases():
        with trial:
            for step in (1, 2):
                trial.report(step, abs(trial.params["learning_rate"] - 0.01))


def test_a_whole_study_is_trained_and_is_there_when_the_file_is_opened_again(file: Path) -> None:
    with Client(f"local:{file}") as client:
        train_all(client, "s")
        assert client.status("s").state == "finished"
    assert engines() == 0
    with Client(f"sqlite:///{file}") as client:
        assert [trial.state for trial in client.study("s").list()] == ["complete"] * 3
        assert client.suggestion("s").learning_rate is not None


def test_clients_of_one_file_share_an_engine_until_the_last_is_closed(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(file.parent)
    first, second = Client(f"local:{file}"), Client("local:./lrtune.db")
    assert engines() == 1
    first.create_study("s", max_trials=1)
    first.close()
    first.close()
    assert [study.name for study in second.studies()] == ["s"]
    second.close()
    assert engines() == 0


def test_files_have_an_engine_each(tmp_path: Path) -> None:
    with Client(f"local:{tmp_path}/a.db") as one, Client(f"local:{tmp_path}/b.db") as other:
        assert engines() == 2
        one.create_study("s", max_trials=1)
        assert list(other.studies()) == []


def test_the_file_is_the_one_that_serve_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LRTUNE_STORAGE", raising=False)
    monkeypatch.chdir(tmp_path)
    with Client("local") as client:
        assert client.server == f"local:{tmp_path}/lrtune.db"
        assert repr(client) == f"Client('local:{tmp_path}/lrtune.db')"
    monkeypatch.setenv("LRTUNE_STORAGE", "sqlite:///other.db")
    monkeypatch.setenv("LRTUNE_SERVER", "local")
    with Client() as client:
        assert client.server == f"local:{tmp_path}/other.db"


def test_events_and_long_polls_come_as_from_a_service(client: Client) -> None:
    study = client.create_study("s", max_trials=1, max_steps=2)
    events = study.events()
    assert isinstance(next(events), StudyStatus)
    before = study.status().version
    waited = threading.Thread(target=lambda: polled.append(study.status(wait_seconds=20, after=before).version))
    polled: list[int] = []
    waited.start()
    with next(study.leases()) as trial:
        trial.report(1, 0.5)
        trial.report(2, 0.4)
    assert isinstance(next(events), StudyChange)
    events.close()
    waited.join(10)
    assert polled
    assert polled[0] > before


def test_closing_ends_who_waits_and_who_listens_within_seconds(file: Path) -> None:
    client = Client(f"local:{file}", retry_seconds=1)
    study = client.create_study("s", max_trials=1)
    events = study.events()
    next(events)
    version, ended = study.status().version, threading.Event()

    def wait() -> None:
        with contextlib.suppress(LrtuneError, RuntimeError):
            study.status(wait_seconds=60, after=version)
        ended.set()

    threading.Thread(target=wait, daemon=True).start()
    time.sleep(0.2)
    begun = time.monotonic()
    client.close()
    assert ended.wait(5)
    assert time.monotonic() - begun < 10
    events.close()


def test_a_lease_that_nobody_renews_goes_to_the_next(client: Client) -> None:
    study = client.create_study("s", max_trials=1, max_steps=1, lease_ttl_seconds=1)
    left_behind = next(study.leases())
    with next(study.leases()) as trial:
        assert (trial.number, trial.attempt) == (left_behind.number, 2)
        trial.complete(0.1)


def test_it_works_inside_a_running_event_loop(file: Path) -> None:
    async def notebook() -> str:
        with Client(f"local:{file}") as client:
            train_all(client, "s")
            return client.status("s").state

    assert asyncio.run(notebook()) == "finished"


def test_many_threads_report_at_once(client: Client) -> None:
    study = client.create_study("s", max_trials=40, max_steps=5)

    def work() -> None:
        for trial in study.leases():
            with trial:
                for step in range(1, 6):
                    trial.report(step, 1 / step)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert client.status("s").trials.complete + client.status("s").trials.pruned == 40


def test_no_token_is_asked_for_or_read_whatever_tokens_there_are(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LRTUNE_TOKEN", "no token at all")
    with Client(f"local:{file}") as client:
        client.create_token("admin", name="first")
        train_all(client, "s")
        assert client.me().role == "admin"
        assert next(client.study("s").events()) is not None
        assert {(one.actor, one.via) for one in client.audit(study="s")} == {(whoever_typed().name, "command")}


def test_settings_that_are_meant_for_a_server_change_nothing(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LRTUNE_ROOT_PATH", "/lrtune")
    monkeypatch.setenv("LRTUNE_LIMIT_ADDRESS_REQUESTS_PER_SECOND", "0.001")
    monkeypatch.setenv("LRTUNE_PORT", "no number")
    with Client(f"local:{file}") as client:
        train_all(client, "s")


def test_a_training_scripts_log_is_left_alone(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO), Client(f"local:{file}") as client:
        train_all(client, "s")
    assert not [record for record in caplog.records if record.name.startswith("alembic")]


def test_what_is_garbage_is_closed_without_a_wait_whatever_the_collecting_thread_holds_up(file: Path) -> None:
    client = Client(f"local:{file}")
    connection = client._connection
    released = threading.Event()

    def collect() -> None:  # In the engine's own loop, while another thread opens or closes an engine.
        connection.release()
        released.set()

    with shared._lock:
        connection._share.service.call_soon(collect)  # type: ignore[attr-defined]
        assert released.wait(5)
    wait_for_engines(0)


def test_who_lost_the_file_to_another_is_told_so(file: Path) -> None:
    with Client(f"local:{file}", retry_seconds=20) as client:
        client.create_study("s", max_trials=1)
        Path(f"{file}.lock").unlink()
        other = open_engine(f"sqlite:///{file}")
        try:
            with pytest.raises(LrtuneError, match="is not served from this process any more"):
                client.create_study("t", max_trials=1)
        finally:
            other.close()


def delete(file: Path) -> None:
    for one in file.parent.glob(f"{file.name}*"):
        one.unlink()


def test_a_file_that_was_deleted_is_begun_anew_and_who_had_it_open_is_told(file: Path) -> None:
    with Client(f"local:{file}") as earlier:
        earlier.create_study("s", max_trials=3)
        delete(file)
        with Client(f"local:{file}") as client:
            train_all(client, "s")
            assert client.status("s").state == "finished"
            with pytest.raises(LrtuneError, match="not served from this process any more: it was deleted"):
                earlier.status("s")
            earlier.close()
            assert client.status("s").state == "finished"
    assert engines() == 0


def test_an_engine_whose_file_is_gone_says_so_at_once_and_goes_on_where_it_is_put_back(file: Path) -> None:
    with Client(f"local:{file}") as client:
        client.create_study("s", max_trials=3)
        aside = file.rename(file.parent / "aside")
        begun = time.monotonic()
        with pytest.raises(LrtuneError, match="is gone, deleted, moved or replaced: put it back"):
            client.status("s")
        assert time.monotonic() - begun < 5
        aside.rename(file)
        assert client.status("s").state == "running"
