import os
import sys
from concurrent.futures.process import BrokenProcessPool

import pytest

from tests.benchmarks.pools import pool


def test_a_process_that_dies_fails_the_measurement_and_does_not_stop_it_for_ever() -> None:
    with pool(2) as executor, pytest.raises(BrokenProcessPool):
        executor.submit(os._exit, 1).result()


def test_each_process_is_started_anew_and_is_no_copy_of_one_with_threads() -> None:
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(before + 1)  # What a copy would have, too.
    try:
        with pool(1) as executor:
            assert executor.submit(sys.getrecursionlimit).result() == before
    finally:
        sys.setrecursionlimit(before)
