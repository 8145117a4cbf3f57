"""Decisions: which trial next, whether to go on, when a study is done, what to suggest."""

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
