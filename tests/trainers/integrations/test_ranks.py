"""A trial that two processes train with a framework's callback, started by torchrun."""

from pathlib import Path
from typing import Any

import pytest

from lrtune import Client
from tests.trainers.integrations.launched import launched

PACKAGES = {"huggingface": "transformers", "lightning": "lightning"}
"""The room of a program `ranks.py`: what it needs."""


@pytest.fixture(scope="module", params=PACKAGES)
def framework(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    pytest.importorskip(PACKAGES[name], reason=f"needs lrtune[{name}]: make frameworks")
    return name


@pytest.fixture(scope="module")
def folder(framework: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp(f"{framework}-ranks")


@pytest.fixture(scope="module")
def seen(framework: str, address: str, folder: Path) -> list[list[dict[str, Any]]]:
    return launched(Path(__file__).parent / framework / "ranks.py", address, folder)


def test_all_ranks_train_the_same_trials_and_end_after_the_same_step(seen: list[list[dict[str, Any]]]) -> None:
    first, other = seen
    assert first == other
    assert first[0]["epochs"] == 3
    assert first[0]["outcome"].startswith("complete")
    assert first[1]["epochs"] == 2
    assert first[1]["outcome"].startswith("study_finished")


def test_each_trial_is_leased_once(seen: list[list[dict[str, Any]]], framework: str, address: str) -> None:
    study = f"{framework}-ranks"
    with Client(address) as client:
        states = [trial.state for trial in client.study(study).list()]
        curve = client.trial(study, 0).curve
    assert states == ["complete", "pruned"]
    assert [report.step for report in curve] == [1, 2, 3]


def test_checkpoints_are_written_once(seen: list[list[dict[str, Any]]], framework: str, folder: Path) -> None:
    if framework != "lightning":
        pytest.skip("its program writes no checkpoints")
    names = [path.name.partition("-step-") for path in (folder / "checkpoints").iterdir()]
    assert sorted(step for *_, step in names) == ["1.ckpt", "2.ckpt", "2.ckpt", "3.ckpt"]
    assert len({prefix for prefix, *_ in names}) == 2, "one name a trial, on all ranks"
