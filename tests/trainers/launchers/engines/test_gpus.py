from pathlib import Path

import pytest

from lrtune.trainers.errors import LaunchError
from lrtune.trainers.launchers.engines.gpus import shares, visible_gpus

FOUR = ["0", "1", "2", "3"]


def test_each_gpu_is_in_one_share_at_most() -> None:
    assert shares(FOUR, None, None) == FOUR
    assert shares(FOUR, None, 3) == ["0", "1", "2"]
    assert shares(FOUR, 2, None) == ["0,1", "2,3"]
    assert shares(FOUR, 3, None) == ["0,1,2"]


def test_without_gpus_workers_find_the_machine_as_it_is() -> None:
    assert shares([], None, None) == [None]
    assert shares([], None, 3) == [None] * 3


def test_no_gpus_are_hidden_from_all() -> None:
    assert shares(FOUR, 0, 6) == [""] * 6


@pytest.mark.parametrize(
    ("gpus", "each", "workers", "told"),
    [
        (FOUR, 1, 8, "-n: 8 workers with 1 GPU each, and this machine shows 4: -n 4, or --gpus 0"),
        (FOUR, 3, 2, "-n: 2 workers with 3 GPUs each, and this machine shows 4: -n 1, or --gpus 0"),
        ([], 1, None, "-n: 1 worker with 1 GPU each, and this machine shows 0: --gpus 0"),
        (FOUR, None, 5, "-n: 5 workers with 1 GPU each, and this machine shows 4: -n 4"),
    ],
)
def test_too_few_gpus_are_one_line(gpus: list[str], each: int | None, workers: int | None, told: str) -> None:
    with pytest.raises(LaunchError) as refused:
        shares(gpus, each, workers)
    assert str(refused.value).startswith(told)


@pytest.mark.parametrize(
    ("named", "gpus"), [("0,2", ["0", "2"]), ("GPU-8f3a, GPU-11", ["GPU-8f3a", "GPU-11"]), ("", []), ("-1", [])]
)
def test_visible_are_those_that_the_variable_names(named: str, gpus: list[str]) -> None:
    assert visible_gpus({"CUDA_VISIBLE_DEVICES": named}) == gpus


def nvidia_smi(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program of that name."""
    program = folder / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_else_those_that_nvidia_smi_lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nvidia_smi(tmp_path, '[ "$1" = --query-gpu=index ] && printf "0\\n1\\n"', monkeypatch)
    assert visible_gpus({}) == ["0", "1"]


def test_a_driver_that_does_not_answer_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nvidia_smi(tmp_path, "echo 'Failed to initialize NVML' >&2; exit 18", monkeypatch)
    with pytest.raises(LaunchError, match=r"\(Failed to initialize NVML\): name them in CUDA_VISIBLE_DEVICES"):
        visible_gpus({})
    monkeypatch.setattr("lrtune.trainers.launchers.engines.gpus._ANSWER_SECONDS", 0.1)
    nvidia_smi(tmp_path, "exec sleep 5", monkeypatch)
    with pytest.raises(LaunchError, match="nvidia-smi has not answered within 0 s"):
        visible_gpus({})


def test_a_machine_without_the_program_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert visible_gpus({}) == []
