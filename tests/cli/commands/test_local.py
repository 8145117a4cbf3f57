"""Commands on a file that no service serves."""

from pathlib import Path

import pytest

from lrtune import Client
from lrtune.service.cli import progress
from lrtune.service.cli.connection import connect
from lrtune.service.embedded import shared
from tests.cli.conftest import Lrtune


def test_what_a_file_holds_is_shown_without_a_service(lrtune: Lrtune, tmp_path: Path) -> None:
    server = f"local:{tmp_path}/lrtune.db"
    with Client(server) as client:
        client.create_study("s", max_trials=3)
        client.record("s", {"learning_rate": 0.01}, value=0.5)
    listed = lrtune("study", "list", "--server", server)
    assert (listed.code, " s " in listed.out) == (0, True)
    assert lrtune("suggest", "s", "--server", server).out.endswith(" after 1 trial\n")


def test_names_are_never_broken_in_the_list_of_studies(lrtune: Lrtune, tmp_path: Path) -> None:
    server, name = f"local:{tmp_path}/lrtune.db", "digits-keras-with-a-name-of-some-length"
    with Client(server) as client:
        client.create_study(
            name, max_trials=30, max_steps=9, max_total_steps=4000, tags={"family": "cnn", "optimizer": "adamw"}
        )
    listed = lrtune("study", "list", "--server", server).out
    assert f" {name} " in listed
    assert " learning_rate " in listed


def test_several_workers_are_told_that_they_need_a_service(lrtune: Lrtune, tmp_path: Path) -> None:
    server = f"local:{tmp_path}/lrtune.db"
    with Client(server) as client:
        client.create_study("s", max_trials=3)
    task = tmp_path / "task_of_a_user.py"
    task.write_text("def train(trial):\n    return 0.5\n")
    ran = lrtune("worker", "--study", "s", "--task", f"{task}:train", "--server", server, "--concurrency", "2")
    assert ran.code == 1
    assert f"{server} is for one process: leave --concurrency out, or have `lrtune serve` serve the file" in ran.err
    alone = lrtune("worker", "--study", "s", "--task", f"{task}:train", "--server", server)
    assert alone.code == 0


def test_an_engine_that_takes_its_time_to_start_is_not_called_a_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "SHOWN_AFTER_SECONDS", 0.0)
    usual, shown = shared.open_shared, list[str]()

    def slowly(storage: str | None) -> shared.Share:
        shown.extend(progress._open[-1].pieces())
        return usual(storage)

    monkeypatch.setattr(shared, "open_shared", slowly)
    with connect(f"local:{tmp_path}/lrtune.db"):
        pass
    assert shown[0] == f"starting the engine of {tmp_path}/lrtune.db"
