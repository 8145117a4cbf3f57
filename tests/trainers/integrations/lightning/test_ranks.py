"""A trial that two processes train with the callback, started by torchrun."""

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("lightning", reason="needs lrtune[lightning]: make frameworks")

from lrtune import Client
from tests.trainers.integrations.launched import launched

PROGRAM = Path(__file__).with_name("ranks.py")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lightning-ranks")


@pytest.fixture(scope="module")
def seen(address: str, folder: Path) -> list[list[dict[str, Any]]]:
    return launched(PROGRAM, address, folder)


def test_all_ranks_train_the_same_trials_and_end_after_the_same_step(seen: list[list[dict[str, Any]]]) -> None:
    first, other = seen
    assert first == other
    assert first[0]["epochs"] == 3
    assert first[0]["outcome"].startswith("complete")
    assert first[1]["epochs"] == 2
    assert first[1]["outcome"].startswith("study_finished")


def test_each_trial_is_leased_once(seen: list[list[dict[str, Any]]], address: str) -> None:
    with Client(address) as client:
        states = [trial.state for trial in client.study("lightning-ranks").list()]
        curve = client.trial("lightning-ranks", 0).curve
    assert states == ["complete", "pruned"]
    assert [report.step for report in curve] == [1, 2, 3]


def test_checkpoints_are_written_once(seen: list[list[dict[str, Any]]], folder: Path) -> None:
    names = [path.name.partition("-step-") for path in (folder / "checkpoints").iterdir()]
    assert sorted(step for *_, step in names) == ["1.ckpt", "2.ckpt", "2.ckpt", "3.ckpt"]
    assert len({prefix for prefix, *_ in names}) == 2, "one name a trial, on all ranks"
