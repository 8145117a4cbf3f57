"""How a training ends that neither completes nor fails: told to by somebody outside, or by its own doing.

Who is told to end gives the trial back unharmed. A training that leaves by itself, by `sys.exit` say, would do so every
time: were that unharmed, too, the trial would be given back for ever.
"""

import signal
import traceback
from asyncio import CancelledError
from collections.abc import Iterator
from functools import partial
from types import CodeType, TracebackType
from typing import Any

from lrtune.service.wire.base import storable_part
from lrtune.trainers.errors import ProgramFailed, RankFailed, Shutdown

LONGEST_ERROR = 20_000

_TOLD = (KeyboardInterrupt, Shutdown, CancelledError)


def told_to_end(error: BaseException) -> bool:
    """Whether somebody outside wanted this end: Ctrl-C, a signal, whoever cancelled the task.

    SystemExit is such an end where a handler of a signal raised it, or where code on the way made it of one of the
    others.
    """
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        if isinstance(cause, _TOLD) or (isinstance(cause, SystemExit) and _raised_by_handler(cause.__traceback__)):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


def error_text(error: BaseException) -> str:
    """What is kept of an error: its traceback; of a program's the last lines, of another rank's that one's own. The
    last 20,000 characters of it."""
    told = error.told if isinstance(error, ProgramFailed | RankFailed) else "".join(traceback.format_exception(error))
    text: str = storable_part(told)
    return text[-LONGEST_ERROR:]


def _raised_by_handler(trace: TracebackType | None) -> bool:
    handlers = set(_handlers())
    while trace is not None:
        if trace.tb_frame.f_code in handlers:
            return True
        trace = trace.tb_next
    return False


def _handlers() -> Iterator[CodeType]:
    """The code of the functions that handle signals now."""
    for number in signal.valid_signals():
        handler: Any = signal.getsignal(number)
        while isinstance(handler, partial):
            handler = handler.func
        if callable(handler) and not hasattr(handler, "__code__"):
            handler = handler.__call__
        code = getattr(getattr(handler, "__func__", handler), "__code__", None)
        if isinstance(code, CodeType):
            yield code
