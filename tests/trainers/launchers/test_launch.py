import pytest

from lrtune.trainers.errors import LaunchError
from lrtune.trainers.launchers.launch import Launch, Resources, memory_bytes, whole_gpus


@pytest.mark.parametrize(
    ("text", "amount"),
    [("16G", 16 * 1024**3), ("800M", 800 * 1024**2), ("1.5g", 1_610_612_736), ("64KiB", 65_536), ("1000", 1000)],
)
def test_memory_is_written_as_people_do(text: str, amount: int) -> None:
    assert memory_bytes(text) == amount


@pytest.mark.parametrize("text", ["", "much", "-1G", "0", "1X", "1,5G"])
def test_what_is_no_memory_is_one_line_that_names_the_option(text: str) -> None:
    with pytest.raises(LaunchError, match=r"^--memory: .* is no amount of memory; write 16G, or 800M$"):
        memory_bytes(text)


def test_half_a_gpu_is_refused_where_only_whole_ones_are_given() -> None:
    assert whole_gpus(Resources(gpus=2.0), "Slurm") == 2
    assert whole_gpus(Resources(), "Slurm") is None
    with pytest.raises(LaunchError, match=r"--gpus: Slurm gives whole GPUs, not 0\.5"):
        whole_gpus(Resources(gpus=0.5), "Slurm")


def test_what_is_printed_of_a_launch_holds_no_token() -> None:
    assert "lrt_" not in repr(Launch(["worker"], {"LRTUNE_TOKEN": "lrt_secret"}, Resources(), "f"))
