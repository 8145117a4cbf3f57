"""The storage engine: one writer, a mirror in memory, group commit, over Optuna's own schema.

From top to bottom: `optuna_storage` (the engine as Optuna's BaseStorage), `adopt`, `engine`, `neighbours` beside
`maintenance`, `commit`, `database`, `sql`, `memory`, `schema`, `errors`. Imports point down, and nowhere in circles.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lrtune.service.storage.optuna_storage import OptunaStorage, open_storage

__all__ = ["OptunaStorage", "open_storage"]


def __getattr__(name: str) -> Any:
    """`OptunaStorage` and `open_storage` on first use: `lrtune.optuna` wants a name in `schema`, and no driver."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from lrtune.service.storage import optuna_storage  # noqa: PLC0415

    return getattr(optuna_storage, name)
