"""The log of a command that trains: each of lrtune's lines once, in one form, whatever frameworks set up beside it."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from lrtune.trainers.programs.shown import PATIENCE_SECONDS, has_room

FORM = "%(asctime)s %(message)s"


class _Own(logging.StreamHandler):  # type: ignore[type-arg]
    """Writes lrtune's lines, and hands them to the files that the training's own script logs to.

    A line that nobody reads (in a pager that stands still, after Ctrl-S) is dropped: it must not keep a worker from
    ending.
    """

    def emit(self, record: logging.LogRecord) -> None:
        room = True
        with suppress(OSError, ValueError):  # What is closed is told of as ever.
            room = has_room(self.stream, PATIENCE_SECONDS)
        if room:
            super().emit(record)
        for handler in logging.getLogger().handlers:
            if isinstance(handler, logging.FileHandler) and record.levelno >= handler.level:
                handler.handle(record)


@contextmanager
def own_log(level: int, *, of_trainers: int | None = None) -> Iterator[None]:
    """Within it, lrtune's lines from `level` on go to standard error; `of_trainers` is another level for workers.

    They do not pass on to the root logger: there a script or a framework (absl's, say) may have a handler of its own,
    which would write them again. All others' lines are written as the root logger is set up, here unless they do it.
    """
    logging.basicConfig(format=FORM, level=level)
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    ours, trainers = logging.getLogger("lrtune"), logging.getLogger("lrtune.trainers")
    before = ours.level, ours.propagate, trainers.level
    handler = _Own(sys.stderr)
    handler.setFormatter(logging.Formatter(FORM))
    ours.addHandler(handler)
    ours.setLevel(level)
    ours.propagate = False
    if of_trainers is not None:
        trainers.setLevel(of_trainers)
    try:
        yield
    finally:
        ours.removeHandler(handler)
        ours.propagate = before[1]
        ours.setLevel(before[0])
        trainers.setLevel(before[2])
