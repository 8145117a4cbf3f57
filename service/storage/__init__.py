"""The storage engine: one writer, a mirror in memory, group commit, over Optuna's own schema.

From top to bottom: `optuna_storage` (the engine as Optuna's BaseStorage), `adopt`, `engine`, `neighbours` beside
`maintenance`, `commit`, `database`, `sql`, `memory`, `schema`, `errors`. Imports point down, and nowhere in circles.
"""

from lrtune.service.storage.optuna_storage import OptunaStorage, open_storage

__all__ = ["OptunaStorage", "open_storage"]
