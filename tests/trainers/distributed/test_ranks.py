import subprocess
import sys

import pytest

from lrtune import LrtuneError
from lrtune.trainers.distributed.ranks import ALONE, Ranks, ranks_here

MEETING = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500"}


@pytest.mark.parametrize("variables", [{}, {"WORLD_SIZE": "1"}, {"WORLD_SIZE": "1", "RANK": "0"}, {"WORLD_SIZE": ""}])
def test_a_process_of_its_own_is_alone(variables: dict[str, str]) -> None:
    assert ranks_here(variables) == ALONE


def test_a_rank_is_what_the_launcher_says() -> None:
    ranks = ranks_here({"WORLD_SIZE": "4", "RANK": "2", **MEETING})
    assert ranks == Ranks(2, 4)
    assert not ranks.first
    assert list(ranks.others) == [1, 2, 3]


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"WORLD_SIZE": "two"}, "WORLD_SIZE='two' is no whole number ≥ 1"),
        ({"WORLD_SIZE": "0"}, "WORLD_SIZE='0' is no whole number ≥ 1"),
        ({"WORLD_SIZE": "2"}, "WORLD_SIZE is set, and RANK is not"),
        ({"WORLD_SIZE": "2", "RANK": "-1"}, "RANK='-1' is no whole number ≥ 0"),
        ({"WORLD_SIZE": "2", "RANK": "2"}, "RANK=2 is none of WORLD_SIZE=2 processes"),
        ({"WORLD_SIZE": "2", "RANK": "1"}, "MASTER_ADDR and MASTER_PORT are not set"),
        ({"WORLD_SIZE": "2", "RANK": "1", "MASTER_ADDR": "a"}, "MASTER_PORT is not set"),
    ],
)
def test_variables_that_cannot_be_are_refused_by_name(variables: dict[str, str], told: str) -> None:
    with pytest.raises(LrtuneError, match=told):
        ranks_here(variables)


def test_one_process_imports_no_torch_for_it() -> None:
    code = (
        "import sys; import lrtune.distributed; from lrtune.trainers.distributed.ranks import ranks_here; "
        "assert ranks_here({}).count == 1; assert 'torch' not in sys.modules, 'torch'"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
