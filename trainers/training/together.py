"""A training of `fit` as one of several ranks: what it shares with the others, and what it has of its own."""

from typing import TYPE_CHECKING, Any

from lrtune.trainers.distributed.model_ranks import ModelRanks, OneProcess
from lrtune.trainers.errors import TrainingError
from lrtune.trainers.state.random_state import random_state, seed_everything, set_random_state

if TYPE_CHECKING:
    from lrtune.trainers.client.leased_trial import LeasedTrial
    from lrtune.trainers.distributed.shared_trial import SharedTrial


def check_together(
    ranks: "ModelRanks | OneProcess", trial: "LeasedTrial | SharedTrial | None", settings: dict[str, Any]
) -> None:
    """Raises TrainingError where not all who train the trial train this model, or with other settings."""
    ranks.check_same(settings)
    share_trial = getattr(trial, "ranks", 1)
    if trial is None or share_trial == ranks.count:
        return
    if ranks.count == 1:
        raise TrainingError(
            f"trial {trial.number} is shared by {share_trial} ranks, and each would train a model of its own: return "
            "DistributedDataParallel(model), or a model after fully_shard(model), from model_factory"
        )
    raise TrainingError(
        f"{ranks.count} ranks train the model, and trial {trial.number} is leased to {share_trial}: take it from "
        "lrtune.distributed.leases, on all ranks"
    )


def random_states(ranks: "ModelRanks | OneProcess") -> dict[str, Any]:
    """For a checkpoint: the first rank's, and those of all where there are several."""
    states = ranks.all(random_state())
    return {"random": states[0]} | ({"random_of_ranks": states} if ranks.count > 1 else {})


def go_on_randomly(ranks: "ModelRanks | OneProcess", state: dict[str, Any], seed: int) -> None:
    """As the checkpoint's rank of this number; with another number of ranks, as ones of their own."""
    kept = state.get("random_of_ranks", [state["random"]])
    if len(kept) == ranks.count or ranks.rank == 0:
        set_random_state(kept[ranks.rank])
    else:
        seed_everything(seed + ranks.seed_offset + state["taken"])
