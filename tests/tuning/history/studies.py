"""Studies that found something, and studies that begin."""

import math
from collections.abc import Sequence
from typing import Any

from lrtune.service.tuning.suggesting.suggestion import suggest
from lrtune.service.wire.studies import Suggestion
from lrtune.service.wire.trials import Ask, LeasedTrial, Record
from tests.support.tuning import Tuning

SPREAD = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 0.5)
OPTIMIZER: dict[str, Any] = {
    "learning_rate": {"type": "float", "low": 1e-6, "high": 1.0, "log": True},
    "optimizer": {"type": "categorical", "choices": ["sgd", "AdamW"]},
}


def loss(rate: float, best: float) -> float:
    return math.sqrt(abs(math.log10(rate / best)))


def past(
    tuning: Tuning, name: str, best: float, *, rates: Sequence[float] = SPREAD, sign: int = 1, **spec: Any
) -> None:
    """A study whose best rate is `best`."""
    optimizer = spec.pop("optimizer", None)
    tuning.create(name=name, **spec)
    for rate in (*rates, best):
        params = {"learning_rate": rate, **({"optimizer": optimizer} if optimizer else {})}
        record = {"params": params, "value": sign * loss(rate, best)}
        tuning.run(tuning.trials.record(name, Record.model_validate(record)))


def beginning(tuning: Tuning, name: str, **spec: Any) -> Suggestion:
    tuning.create(name=name, **spec)
    return suggest(tuning.run(tuning.studies.get(name)))


def first_rates(tuning: Tuning, name: str, count: int) -> list[float]:
    async def ask() -> list[float]:
        found = []
        for number in range(count):
            leased = await tuning.trials.ask(name, Ask(worker="w", request_id=f"{name}{number}"))
            assert isinstance(leased, LeasedTrial)
            found.append(float(leased.params["learning_rate"] or 0))
        return found

    return tuning.run(ask())
