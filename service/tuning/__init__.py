"""Decisions: which trial next, whether to go on, when a study is done, what to suggest.

From top to bottom, and imports point down only:

    views        what the outside sees of studies and trials
    suggesting   what to train with, and what that rests on
    trials       asks, leases, reports, results
    studies      creating, finding, changing and deleting studies
    pruning      the rules that stop a training
    sampling     drawing a trial's parameters
    history      what past studies found
    fidelity     trainings that are paused, or short
    state        what is read of a study before anything is decided
    auto         the default search, on arrays
    errors       what a caller may have done wrong
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lrtune.service.tuning.auto import AutoPruner, AutoSampler

__all__ = ["AutoPruner", "AutoSampler"]


def __getattr__(name: str) -> Any:
    """`AutoSampler` and `AutoPruner` on first use: whoever wants another module of the package loads no Optuna."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from lrtune.service.tuning import auto  # noqa: PLC0415

    return getattr(auto, name)
