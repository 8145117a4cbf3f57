"""An error of rank 0, as the other ranks raise it: the same, as far as they know its class."""

import pickle
from typing import Any

from lrtune.trainers.errors import LrtuneError, Shutdown

Packed = tuple[type[BaseException], tuple[Any, ...], dict[str, Any]]


def packed(error: BaseException) -> Packed:
    """Its class, arguments and attributes; of one that is none of lrtune's the message, in an LrtuneError."""
    if isinstance(error, LrtuneError | Shutdown):
        content = type(error), error.args, dict(vars(error))
        try:
            pickle.dumps(content)
        except Exception:
            return LrtuneError, (str(error),), {}
        return content
    return LrtuneError, (f"rank 0 failed with {type(error).__name__}: {error}",), {}


def unpacked(content: Packed) -> BaseException:
    """The error; not by its class's own arguments, which are others than those that it passes on."""
    kind, arguments, attributes = content
    error = kind.__new__(kind, *arguments)
    error.args = arguments
    vars(error).update(attributes)
    return error
