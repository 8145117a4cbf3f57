"""The README's code, run as it stands."""

import re
import sys
from pathlib import Path

import pytest

from lrtune import Client, ServiceError
from tests.end_to_end.conftest import ROOT, Service, environ
from tests.support.forked import captured

README = (ROOT / "README.md").read_text()
(SCRIPT,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.fixture
def storage_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/lrtune.db"


def train_one_epoch(learning_rate: float, epoch: int) -> float:
    return float("nan") if learning_rate > 0.1 else 1 / epoch + abs(learning_rate - 0.01)


def run_script(script: str) -> None:
    exec(compile(script, "README.md", "exec"), {"train_one_epoch": train_one_epoch, "__name__": "__main__"})


def test_the_readmes_training_script_runs(
    service: Service, client: Client, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(SCRIPT.strip().splitlines()) <= 10, "it is short enough to be read at once"
    monkeypatch.setenv("LRTUNE_SERVER", service.address)
    run_script(SCRIPT)
    status = client.status("my-model")
    assert status.state == "finished"
    assert status.trials.diverged + status.trials.complete + status.trials.pruned == 20
    assert "learning_rate=" in capsys.readouterr().out
    assert status.best is not None
    assert status.best.value < 0.2


def test_the_script_with_a_larger_budget_says_how_to_get_it_and_then_trains_on(
    service: Service, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LRTUNE_SERVER", service.address)
    run_script(SCRIPT.replace("max_trials=20", "max_trials=4"))
    larger = SCRIPT.replace("max_trials=20", "max_trials=6")
    with pytest.raises(ServiceError) as refused:
        run_script(larger)
    assert "max_trials is 4 there, and 6 is asked for" in str(refused.value)
    remedy = re.search(r"lrtune study set ([^,]*),", str(refused.value))
    assert remedy is not None
    command = [sys.executable, "-m", "lrtune.service.cli.main", "study", "set", *remedy[1].split()]
    assert captured(command, environ(LRTUNE_SERVER=service.address), 60).returncode == 0
    run_script(larger)
    assert len(client.study("my-model").list()) == 6
    assert client.status("my-model").state == "finished"


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) < 120


def test_every_command_of_the_readme_exists_with_its_options() -> None:
    commands = re.findall(r"^lrtune (.*)$", "".join(re.findall(r"```sh\n(.*?)```", README, re.DOTALL)), re.MULTILINE)
    assert len(commands) >= 4
    for command in commands:
        words = [word for word in command.split() if re.fullmatch(r"[a-z]+", word)]
        told = [sys.executable, "-m", "lrtune.service.cli.main", *words[:2], "--help"]
        shown = captured(told, environ(COLUMNS="200"), 60)
        assert shown.returncode == 0, command
        for option in re.findall(r"--[a-z-]+", command):
            assert option in shown.stdout, command
