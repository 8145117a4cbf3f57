"""Whether a training can go on from a checkpoint: what differs between its settings and those given now."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from lrtune.service.rates.schedules import read_schedule
from lrtune.service.wire.schedules import schedule_adapter
from lrtune.trainers.errors import TrainingError
from lrtune.trainers.optimizers.build import options_of
from lrtune.trainers.training.data import Stream

_ARGUMENTS = (
    *("learning_rate", "weight_decay", "layer_decay", "rates", "accumulate"),
    *("dropout", "clip_norm", "clip_value", "precision", "seed"),
)


def settings_of(how: Mapping[str, Any], stream: Stream) -> dict[str, Any]:
    """The arguments of `fit` that decide what it trains, in plain values; its length and where it runs do not."""
    named = how["optimizer"]
    options = {} if isinstance(named, str) else {name: value for name, value in named.items() if name != "name"}
    name = named if isinstance(named, str) else named["name"]
    optimizer = {f"optimizer.{option}": value for option, value in {**options_of(name), **options}.items()}
    schedule = schedule_adapter.dump_python(read_schedule(how["schedule"]), mode="json")
    batch_size = getattr(stream.batches, "batch_size", None)
    return {
        "optimizer": name,
        **{option: _plain(value) for option, value in optimizer.items()},
        **{argument: _plain(how[argument]) for argument in _ARGUMENTS},
        "schedule": schedule,
        "batch_size": _plain(batch_size),
        "steps_per_epoch": stream.per_epoch,
    }


def check_settings(kept: Mapping[str, Any] | None, now: Mapping[str, Any]) -> None:
    """Raises TrainingError, naming each setting that differs. A checkpoint of an earlier version may have none."""
    kept = kept or {}
    told = [_told(name, kept[name], value) for name, value in now.items() if name in kept]
    if any(told):
        raise TrainingError(
            f"the checkpoint was trained with other settings: {_joined(told)}; give those that it was trained with, or "
            "leave resume out, to train from the start"
        )


def check_optimizer(kept: Mapping[str, Any], now: Mapping[str, Any], settings: Sequence[str]) -> None:
    """Raises TrainingError unless the states of two optimizers, as of `state_dict`, are of the same kind of optimizer
    with the same parameter groups and the same `settings`, where they have them."""
    kept_groups, groups = kept["param_groups"], now["param_groups"]
    if len(kept_groups) != len(groups):
        raise TrainingError(f"it has {len(kept_groups)} parameter groups, the optimizer now {len(groups)}")
    for index, (before, group) in enumerate(zip(kept_groups, groups, strict=True)):
        _check_members(index, before, group)
        missing = sorted({name for name in group if name in settings} - before.keys())
        more = sorted({name for name in before if name in settings} - group.keys())
        if missing or more:
            raise TrainingError(f"it is of another optimizer: {_of_another(missing, more)}")
        told = [_told(name, before[name], group[name]) for name in settings if name in group]
        if any(told):
            raise TrainingError(f"parameter group {index}: {_joined(told)}")


def _check_members(index: int, before: Mapping[str, Any], group: Mapping[str, Any]) -> None:
    names, names_now = before.get("param_names"), group.get("param_names")
    if names is not None and names_now is not None and list(names) != list(names_now):
        lost, new = sorted(set(names) - set(names_now)), sorted(set(names_now) - set(names))
        one = f"{lost[0]} is no longer in it" if lost else f"{new[0]} is new in it" if new else "their order differs"
        raise TrainingError(f"parameter group {index} has other parameters: {one}")
    if len(before["params"]) != len(group["params"]):
        raise TrainingError(
            f"parameter group {index} had {len(before['params'])} parameters, now {len(group['params'])}"
        )


def _of_another(missing: Sequence[str], more: Sequence[str]) -> str:
    parts = [f"it lacks {', '.join(missing)}"] if missing else []
    return " and ".join([*parts, *([f"has {', '.join(more)}"] if more else [])])


def _told(name: str, before: Any, now: Any) -> str | None:
    before, now = _comparable(before), _comparable(now)
    return None if before == now else f"{name} is {before!r} in it, and {now!r} now"


def _joined(told: Sequence[str | None]) -> str:
    return "; ".join(one for one in told if one)


def _comparable(value: Any) -> Any:
    return _plain(value.tolist() if isinstance(value, Tensor) else value)


def _plain(value: Any) -> Any:
    """`value` as a checkpoint can hold it: mappings, lists, numbers, strings, None."""
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if value is None or isinstance(value, (bool, str, int)):
        return value
    if isinstance(value, float) or hasattr(value, "__float__"):
        return float(value)
    return str(value)
