"""What the main process does for all: the others get its answer, or its error."""

from collections.abc import Callable
from typing import Any, TypeVar

from lrtune.trainers.errors import LeaseLost, LrtuneError, TrialPaused, TrialStopped
from lrtune.trainers.integrations.accelerate.framework import accelerate

T = TypeVar("T")


def by_main(accelerator: Any, call: Callable[[], T]) -> T:
    """What `call` returns in the main process, in all of them; where it raises, all of them raise.

    A verdict and a lost lease are the same everywhere. Of another error the others have the message, in an LrtuneError.
    All processes must come here; they wait as long as the process group's `timeout` allows.
    """
    if not accelerator.is_main_process:
        received: T = _received(_sent(None))
        return received
    try:
        answer = call()
    except Exception as error:
        _sent(("raised", _packed(error)))
        raise
    _sent(("returned", answer))
    return answer


def _sent(message: Any) -> Any:
    """The main process's message, in every process."""
    return accelerate.utils.broadcast_object_list([message])[0]


def _packed(error: Exception) -> tuple[str, Any]:
    """What another process makes the error of: exceptions with arguments of their own cannot be pickled."""
    if isinstance(error, TrialStopped):
        return "paused" if isinstance(error, TrialPaused) else "stopped", error.verdict
    if isinstance(error, LeaseLost):
        return "lost", error.problem
    return "failed", f"{type(error).__name__}: {error}"


def _received(message: Any) -> Any:
    how, what = message
    if how == "returned":
        return what
    kind, content = what
    kinds = {"paused": TrialPaused, "stopped": TrialStopped, "lost": LeaseLost}
    if kind in kinds:
        raise kinds[kind](content)
    raise LrtuneError(f"the main process failed with {content}")
