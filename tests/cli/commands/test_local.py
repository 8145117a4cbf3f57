"""Commands on a file that no service serves."""

from pathlib import Path

from lrtune import Client
from tests.cli.conftest import Lrtune


def test_what_a_file_holds_is_shown_without_a_service(lrtune: Lrtune, tmp_path: Path) -> None:
    server = f"local:{tmp_path}/lrtune.db"
    with Client(server) as client:
        client.create_study("s", max_trials=3)
        client.record("s", {"learning_rate": 0.01}, value=0.5)
    listed = lrtune("study", "list", "--server", server)
    assert (listed.code, " s " in listed.out) == (0, True)
    assert lrtune("suggest", "s", "--server", server).out.endswith(" after 1 trial\n")


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
