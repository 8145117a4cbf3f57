"""The default search: `AutoSampler`, `AutoPruner`, and the maths behind them, on arrays.

An ask goes through the rooms from the top: `sampler` takes Optuna's trials of a window, `observed` turns them into
`evidence` over the unit cube of `space`, `policy` decides what is trained next, and `surrogate` is what that rests on.
Where a training anneals within any length, `ladder` decides instead. `prior` shapes what is known of the rate before.

A report goes the same way from `pruner`: `policy.race` or `policy.rungs` says whether the trial stops.

Everything below `sampler` and `pruner` is pure: the same evidence and seed give the same decision. It knows nothing of
leases, studies or storage; `tuning` calls it. Figures: docs/explanation/search.md; what lost:
docs/decisions/0005-auto-search.md.
"""

from lrtune.service.tuning.auto.pruner import AutoPruner
from lrtune.service.tuning.auto.sampler import AutoSampler

__all__ = ["AutoPruner", "AutoSampler"]
