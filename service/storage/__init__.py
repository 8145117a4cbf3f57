"""The storage engine: one writer, a mirror in memory, group commit, over Optuna's own schema."""

from lrtune.service.storage.optuna_storage import OptunaStorage, open_storage

__all__ = ["OptunaStorage", "open_storage"]
