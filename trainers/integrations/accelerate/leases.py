"""The trials of a study, for all processes of a training.

accelerator = Accelerator()
for trial in leases(accelerator, lambda: Client().study("mine")):
    with trial:
        model, optimizer, batches = accelerator.prepare(*build(trial.params))
        for epoch in range(1, trial.max_steps + 1):
            trial.report(epoch, train_one_epoch(accelerator, model, optimizer, batches))
"""

from collections.abc import Callable, Iterator
from typing import Any

from lrtune.trainers.client.leased_trial import LeasedTrial
from lrtune.trainers.client.study import StudyHandle
from lrtune.trainers.distributed.leases import shared_leases
from lrtune.trainers.distributed.ranks import Ranks
from lrtune.trainers.distributed.shared_trial import SharedTrial
from lrtune.trainers.errors import LrtuneError
from lrtune.trainers.integrations.accelerate.framework import accelerate


def leases(
    accelerator: Any,
    open_study: Callable[[], StudyHandle],
    *,
    anneals: bool = False,
    resumable: bool = False,
    own_length: bool = False,
    keep_checkpoints: bool = False,
    progress: bool = False,
) -> Iterator[SharedTrial | LeasedTrial]:
    """Leased trials, one at a time, the same in all processes, until the budget is spent; open each with `with trial:`.

    `open_study` is called in the main process alone, which alone talks to the service. For the other arguments, and
    what it raises, see `lrtune.distributed.leases`. All processes must take the same trials: break off in all or in
    none.
    """
    if not isinstance(accelerator, accelerate.Accelerator):
        raise LrtuneError(
            f"leases takes an Accelerator first, not a {type(accelerator).__name__}: leases(accelerator, …)"
        )
    ranks = Ranks(accelerator.process_index, accelerator.num_processes)
    how: dict[str, Any] = {"anneals": anneals, "resumable": resumable, "own_length": own_length}
    yield from shared_leases(open_study, ranks, **how, keep_checkpoints=keep_checkpoints, progress=progress)
