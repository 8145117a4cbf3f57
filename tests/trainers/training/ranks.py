"""Trainings of two ranks, and what each of them got: python ranks.py FOLDER."""

import copy
import json
import sys
from pathlib import Path
from typing import Any

import torch
from torch import distributed, nn
from torch.distributed.fsdp import fully_shard
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

from lrtune import fit, range_test
from lrtune.trainers.distributed.sharding import whole
from lrtune.trainers.errors import TrainingError
from lrtune.trainers.state.checkpoints import latest
from tests.trainers.training.small import BATCH, loss_of, network, rows, train


def ddp() -> nn.Module:
    return DistributedDataParallel(network())


def sharded() -> nn.Module:
    model = network()
    for layer in model:
        if isinstance(layer, nn.Linear):
            fully_shard(layer)
    fully_shard(model)
    return model


def told(result: Any) -> dict[str, Any]:
    return {
        "losses": result.losses,
        "curve": [one.value for one in result.curve],
        "outcome": result.outcome,
        "clip_rate": result.clip_rate,
    }


def swept(model: nn.Module) -> dict[str, Any]:
    """A range test, and whether all is as it was before: weights, the optimizer's state, the random state."""
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    loss_of(model, rows()).backward()
    optimizer.step()
    before = copy.deepcopy(whole([*model.state_dict().values(), optimizer.state_dict()["state"]]))
    random = torch.get_rng_state()
    rank = distributed.get_rank() if distributed.is_initialized() else 0
    half = [(x[rank::2], y[rank::2]) for x, y in batches()] if distributed.is_initialized() else batches()
    tested = range_test(model, optimizer, half, loss_of, low=1e-4, high=1e3, steps=30, seeds=1)
    after = whole([*model.state_dict().values(), optimizer.state_dict()["state"]])
    same = torch.equal(random, torch.get_rng_state()) and all(
        torch.equal(one, other) for one, other in zip(tensors(before), tensors(after), strict=True)
    )
    loss_of(model, rows()).backward()  # It can be trained on, hooks and all.
    optimizer.step()
    return {"losses": tested.losses[0], "same": same}


def tensors(state: Any) -> list[torch.Tensor]:
    if isinstance(state, torch.Tensor):
        return [state]
    values = state.values() if isinstance(state, dict) else state if isinstance(state, list) else ()
    return [tensor for value in values for tensor in tensors(value)]


def batches() -> list[Any]:
    x, y = rows()
    return [(x[at : at + BATCH], y[at : at + BATCH]) for at in range(0, 96, BATCH)]


def refused(**how: Any) -> str:
    try:
        fit(**how)
    except TrainingError as error:
        return str(error)
    return "it trained"


def trainings(folder: Path) -> dict[str, Any]:
    """Everything that a test asks of two ranks."""
    seen: dict[str, Any] = {}
    for name, model in (("ddp", ddp), ("sharded", sharded)):
        seen[name] = told(train(model))
        seen[f"{name}-accumulated"] = told(train(model, accumulate=2, batch_size=8))
        seen[f"{name}-clipped"] = told(train(model, clip_norm=0.5, clip_value=0.2))
        seen[f"{name}-diverged"] = told(train(model, optimizer="sgd", learning_rate=1e6))
        written = folder / name
        train(model, checkpoints=written)
        cut = {"checkpoints": folder / f"{name}-cut", "epochs": 2, "schedule": "constant"}
        train(model, **cut)
        seen[f"{name}-files"] = sorted(path.name for path in written.glob("*"))
        resumed = {"resume": latest(folder / f"{name}-cut"), "schedule": "constant"}
        seen[f"{name}-resumed"] = told(train(model, **resumed))
        seen[f"{name}-constant"] = told(train(model, schedule="constant"))
        seen[f"{name}-sweep"] = swept(model())
    data = TensorDataset(*rows())
    seen["data set"] = told(train(ddp, data=data))
    loader = DataLoader(data, BATCH // 2, sampler=DistributedSampler(data, drop_last=False))
    seen["loader"] = told(train(ddp, data=loader))
    seen["noise"] = told(train(lambda: DistributedDataParallel(nn.Sequential(nn.Dropout(0.5), *network()))))
    rank = distributed.get_rank()
    seen["other rates"] = refused(**how(learning_rate=0.1 * (1 + rank)))
    seen["other lengths"] = refused(**how(data=batches()[: 2 + rank]))
    seen["half precision"] = refused(**how(sharded, precision="fp16"))
    return seen


def how(model: Any = ddp, **more: Any) -> dict[str, Any]:
    return {"model_factory": model, "data": rows(), "loss_function": loss_of, "learning_rate": 0.1, **more}


if __name__ == "__main__":
    distributed.init_process_group("gloo")
    found = trainings(Path(sys.argv[1]))
    (Path(sys.argv[1]) / f"{distributed.get_rank()}.json").write_text(json.dumps(found))
    distributed.destroy_process_group()
