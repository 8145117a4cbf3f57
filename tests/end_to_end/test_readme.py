"""The README's code, run as it stands."""

import re
import subprocess
import sys

import pytest

from lrtune.trainers.client.client import Client
from tests.end_to_end.conftest import ROOT, Service, environ

README = (ROOT / "README.md").read_text()


def test_the_readmes_training_script_runs(
    service: Service, client: Client, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(blocks) == 1
    assert len(blocks[0].strip().splitlines()) <= 10, "the README promises ten lines"
    monkeypatch.setenv("LRTUNE_SERVER", service.address)

    def train_one_epoch(learning_rate: float, epoch: int) -> float:
        return float("nan") if learning_rate > 0.1 else 1 / epoch + abs(learning_rate - 0.01)

    exec(compile(blocks[0], "README.md", "exec"), {"train_one_epoch": train_one_epoch, "__name__": "__main__"})
    status = client.status("my-model")
    assert status.state == "finished"
    assert status.trials.diverged + status.trials.complete + status.trials.pruned == 20
    assert "learning_rate=" in capsys.readouterr().out
    assert status.best is not None
    assert status.best.value < 0.2


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) < 120


def test_every_command_of_the_readme_exists_with_its_options() -> None:
    commands = re.findall(r"^lrtune (.*)$", "".join(re.findall(r"```sh\n(.*?)```", README, re.DOTALL)), re.MULTILINE)
    assert len(commands) >= 4
    for command in commands:
        words = [word for word in command.split() if re.fullmatch(r"[a-z]+", word)]
        shown = subprocess.run(
            [sys.executable, "-m", "lrtune.service.cli.main", *words[:2], "--help"],
            env=environ(COLUMNS="200"),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert shown.returncode == 0, command
        for option in re.findall(r"--[a-z-]+", command):
            assert option in shown.stdout, command
