"""Studies to be asked what to train with."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

from lrtune.service.tuning.suggesting.suggestion import suggest
from lrtune.service.wire.studies import Suggestion
from lrtune.service.wire.trials import Ask, Enqueue, LeasedTrial, Record, Reports
from tests.support.tuning import Tuning


def recorded(rates: Iterable[float], losses: Iterable[float], **others: Any) -> list[dict[str, Any]]:
    """Complete trainings."""
    pairs = zip(rates, losses, strict=True)
    return [{"params": {"learning_rate": rate, **others}, "value": loss} for rate, loss in pairs]


def suggestion_after(tmp_path: Path, records: Sequence[dict[str, Any]], **spec: Any) -> Suggestion:
    """What is suggested in a study with these recorded trials."""
    with Tuning(f"sqlite:///{tmp_path}/lrtune.db") as tuning:
        tuning.create(name="s", **spec)
        for record in records:
            tuning.run(tuning.trials.record("s", Record.model_validate(record)))
        return suggest(tuning.run(tuning.studies.get("s")))


def train(tuning: Tuning, rate: float, values: Sequence[float], **others: Any) -> LeasedTrial:
    """A trial of study `s` that has reported these values and goes on."""
    params = {"learning_rate": rate, **others}
    tuning.run(tuning.trials.enqueue("s", Enqueue(params=params)))
    leased = tuning.run(tuning.trials.ask("s", Ask(worker="w", request_id=uuid4().hex)))
    assert isinstance(leased, LeasedTrial)
    assert leased.params["learning_rate"] == rate
    report(tuning, leased, values)
    return leased


def report(tuning: Tuning, leased: LeasedTrial, values: Sequence[float], *, after: int = 0) -> None:
    """The values of the steps after the one named."""
    reports = [{"step": step, "value": value} for step, value in enumerate(values, after + 1)]
    body = Reports.model_validate({"lease": leased.lease, "reports": reports})
    tuning.run(tuning.trials.report("s", leased.number, body))
