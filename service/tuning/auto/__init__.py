"""The default search: `AutoSampler`, `AutoPruner`, and the maths behind them, on arrays."""

from lrtune.service.tuning.auto.pruner import AutoPruner
from lrtune.service.tuning.auto.sampler import AutoSampler

__all__ = ["AutoPruner", "AutoSampler"]
