"""What studies were made to do, and in what they differ."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from lrtune.service.sentences.words import rate
from lrtune.service.wire.search_space import CategoricalParameter, Parameter
from lrtune.service.wire.studies import Study

_COMPARED = {
    "direction": "Direction",
    "metric": "Metric",
    "sampler": "Sampler",
    "pruner": "Pruner",
    "max_trials": "Budget in trials",
    "max_total_steps": "Budget in steps",
    "max_steps": "Steps of a training",
    "replicates": "Replicates",
    "failed_counts": "Failed trials count",
    "short_trainings": "Short trainings",
    "prior": "Prior",
    "lease_ttl_seconds": "Lease in seconds",
    "max_attempts": "Attempts",
}
_MOST_CHOICES = 8


@dataclass(frozen=True)
class Differing:
    """A setting, and what it is in each study; "" where a study has none."""

    name: str
    values: tuple[str, ...]


def differing(studies: Sequence[Study]) -> list[Differing]:
    """The settings that are not the same in all of the studies, those of the search space last."""
    told = [{title: _text(getattr(study, field)) for field, title in _COMPARED.items()} for study in studies]
    for study, settings in zip(studies, told, strict=True):
        settings |= {f"Tag {key}": value for key, value in study.tags.items()}
        settings |= {f"Search {name}": parameter_text(one) for name, one in study.search_space.items()}
    names = dict.fromkeys(name for settings in told for name in settings)
    rows = [Differing(name, tuple(settings.get(name, "") for settings in told)) for name in names]
    return [row for row in rows if len(set(row.values)) > 1]


def parameter_text(parameter: Parameter) -> str:
    """What a parameter may be: `1e-05 to 10, log`, `sgd, adamw`."""
    if isinstance(parameter, CategoricalParameter):
        shown = [_text(choice) for choice in parameter.choices[:_MOST_CHOICES]]
        more = len(parameter.choices) - len(shown)
        return ", ".join(shown) + (f" and {more} more" if more else "")
    scale = ", log" if parameter.log else ""
    step = "" if parameter.step in (None, 1) else f", by {rate(parameter.step or 0)}"
    return f"{rate(parameter.low)} to {rate(parameter.high)}{scale}{step}"


def _text(value: Any) -> str:
    """A setting on one line: of a method its name, and what else was said of it."""
    if isinstance(value, BaseModel):
        fields = value.model_dump(exclude_none=True)
        name = str(fields.pop("name", ""))
        more = ", ".join(f"{key} {_text(one)}" for key, one in fields.items() if not isinstance(one, dict | list))
        return f"{name} ({more})" if name and more else name or more
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return rate(value) if isinstance(value, float) else str(value)
