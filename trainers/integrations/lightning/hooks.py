"""What Lightning calls of a callback."""

from typing import Any

from lrtune.trainers.integrations.lightning.framework import lightning

_Base = lightning.pytorch.Callback
_ALWAYS_CALLED = frozenset({"on_save_checkpoint", "on_load_checkpoint"})
"""Without a look whether they can be."""


def leave_out_unused_hooks(callback: Any) -> None:
    """Takes the hooks that its class leaves as they are out of what Lightning calls.

    Of each batch there are eight, and Lightning enters a context of its profiler for every call of one that can be
    called, which takes a small training one to two hundredths longer where nothing is done in any.
    """
    of_class = type(callback)
    for name, empty in vars(_Base).items():
        unused = name.startswith("on_") and getattr(of_class, name) is empty
        if unused and name not in _ALWAYS_CALLED:
            setattr(callback, name, None)
