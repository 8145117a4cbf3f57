"""One file, now without a service and now with one."""

import time
from pathlib import Path

import pytest

from lrtune import Client, LeasedTrial, LrtuneError, tune
from tests.end_to_end.conftest import Service


@pytest.fixture
def storage_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/lrtune.db"


def train(trial: LeasedTrial) -> float:
    return abs(float(trial.params["learning_rate"]) - 0.01)


def test_what_was_tuned_without_a_service_is_served_later_and_goes_on_there(
    tmp_path: Path, storage_url: str, request: pytest.FixtureRequest
) -> None:
    file = tmp_path / "lrtune.db"
    tune(train, name="s", max_trials=2, storage=file, progress=False).close()
    service: Service = request.getfixturevalue("service")
    with tune(train, name="s", max_trials=3, server=service.address, progress=False) as found:
        assert [trial.state for trial in found.study.list()] == ["complete"] * 3
    begun = time.monotonic()
    with pytest.raises(LrtuneError, match=r'another process serves .*, Client\("http://HOST:PORT"\) or tune\('):
        Client(f"local:{file}")
    assert time.monotonic() - begun < 5
    service.kill()
    with tune(train, name="s", max_trials=4, storage=file, progress=False) as found:
        assert len(found.study.list()) == 4
