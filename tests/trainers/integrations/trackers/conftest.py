"""What tests of trackers share: nothing leaves this machine, and nothing is written beside the test's folder."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path_factory.mktemp("tmp")))
    for name in ("MLFLOW_TRACKING_URI", "WANDB_PROJECT", "WANDB_DIR", "WANDB_MODE"):
        monkeypatch.delenv(name, raising=False)
