"""What tests of frameworks share: a real service, and the environment that frameworks are tested in."""

import os
from collections.abc import Iterator

import pytest

from lrtune.trainers.integrations import reports
from tests.end_to_end.conftest import Service
from tests.support.processes import Programs

os.environ.setdefault("KERAS_BACKEND", "torch")  # Read when Keras is imported.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")


@pytest.fixture(scope="package")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a service runs, on SQLite."""
    folder = tmp_path_factory.mktemp("service")
    with Programs(folder / "programs") as programs:
        yield Service(programs, f"sqlite:///{folder}/lrtune.db").address


@pytest.fixture(autouse=True)
def _patient_callbacks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps of milliseconds end with their verdicts, as those of seconds do, and not some steps later."""
    monkeypatch.setattr(reports, "WAITED_SHARE", 1e6)
