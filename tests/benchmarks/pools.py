"""Processes among which the jobs of a measurement are shared out."""

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context


@contextmanager
def pool(processes: int, prepare: Callable[[], None] | None = None) -> Iterator[ProcessPoolExecutor]:
    """So many processes, each made ready by `prepare`; what has not begun when the block ends is dropped.

    They are started anew: a copy of a process with threads (torch's, a service's) may wait for a lock that no thread
    of it holds. Should one of them die, the jobs fail with `BrokenProcessPool`; `multiprocessing.Pool` waits for ever.
    """
    executor = ProcessPoolExecutor(processes, mp_context=get_context("spawn"), initializer=prepare)
    try:
        yield executor
    finally:
        executor.shutdown(cancel_futures=True)
