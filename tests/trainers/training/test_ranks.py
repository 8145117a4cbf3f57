"""`fit` and range tests of two ranks against those of one process."""

import json
import math
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

from lrtune.trainers.state.checkpoints import latest
from tests.support.processes import Programs
from tests.trainers.distributed.conftest import start_ranks
from tests.trainers.training.ranks import swept, told
from tests.trainers.training.small import network, train

PROGRAM = Path(__file__).with_name("ranks.py")
MOST_SECONDS = 200
BOTH = pytest.mark.parametrize("how", ["ddp", "sharded"])
Seen = list[dict[str, Any]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ranks")


@pytest.fixture(scope="module")
def seen(folder: Path) -> Seen:
    """What each rank got."""
    with Programs(folder / "programs") as programs:
        ranks = start_ranks(programs, [sys.executable, str(PROGRAM), str(folder)])
        for rank in ranks:
            assert rank.wait(MOST_SECONDS) == 0, rank
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in (0, 1)]


def alike(one: list[float], other: list[float]) -> bool:
    return one == pytest.approx(other, rel=1e-3, abs=1e-5, nan_ok=True)


@BOTH
def test_two_ranks_train_what_one_process_does(seen: Seen, how: str) -> None:
    alone = told(train())
    assert alike(seen[0][how]["losses"], alone["losses"])
    assert alike(seen[0][how]["curve"], alone["curve"])


def test_ranks_that_train_a_model_see_the_same_numbers(seen: Seen) -> None:
    first, other = seen
    for name in first:
        assert json.dumps(first[name]) == json.dumps(other[name]), name


@BOTH
def test_micro_batches_are_weighted_by_the_rows_of_all_ranks(seen: Seen, how: str) -> None:
    assert alike(seen[0][f"{how}-accumulated"]["losses"], told(train(accumulate=2, batch_size=8))["losses"])


@BOTH
def test_gradients_are_clipped_by_the_norm_over_all_ranks(seen: Seen, how: str) -> None:
    alone = told(train(clip_norm=0.5, clip_value=0.2))
    assert alike(seen[0][f"{how}-clipped"]["losses"], alone["losses"])
    assert seen[0][f"{how}-clipped"]["clip_rate"] == pytest.approx(alone["clip_rate"])
    assert 0 < alone["clip_rate"] < 1


@BOTH
def test_all_ranks_diverge_at_the_same_step(seen: Seen, how: str) -> None:
    assert [rank[f"{how}-diverged"]["outcome"] for rank in seen] == ["diverged", "diverged"]
    assert not math.isfinite(seen[1][f"{how}-diverged"]["losses"][-1])


@BOTH
def test_checkpoints_are_written_once_and_gone_on_from_bit_for_bit(seen: Seen, how: str) -> None:
    assert seen[0][f"{how}-files"] == ["fit-step-21.pt", "fit-step-28.pt"]
    assert seen[0][f"{how}-resumed"]["losses"] == seen[0][f"{how}-constant"]["losses"]


@BOTH
def test_a_checkpoint_of_two_ranks_is_gone_on_from_by_one_process(seen: Seen, folder: Path, how: str) -> None:
    alone = train(resume=latest(folder / f"{how}-cut"), schedule="constant")
    assert alike(alone.losses, seen[0][f"{how}-constant"]["losses"])


def test_a_data_set_is_shared_like_tensors_and_a_loader_is_each_ranks_own(seen: Seen) -> None:
    assert len(seen[0]["data set"]["losses"]) == len(seen[0]["loader"]["losses"]) == 28
    for name in ("data set", "loader"):
        curve = seen[0][name]["curve"]
        assert curve[-1] < curve[0] / 4, name


def test_ranks_with_other_settings_are_refused_on_all_and_the_setting_is_named(seen: Seen) -> None:
    for rank in seen:
        assert rank["other rates"].startswith("learning_rate is 0.1 on rank 0 and 0.2 on rank 1")
        assert "on rank 0 and" in rank["other lengths"]
        assert "use bf16 or fp32" in rank["half precision"]


@BOTH
def test_a_range_test_of_two_ranks_is_that_of_one_process_and_leaves_no_trace(seen: Seen, how: str) -> None:
    alone = swept(network())
    for rank in seen:
        assert alike(rank[f"{how}-sweep"]["losses"][:20], alone["losses"][:20])
        assert rank[f"{how}-sweep"]["same"]
    assert len(seen[0][f"{how}-sweep"]["losses"]) == len(seen[1][f"{how}-sweep"]["losses"])
