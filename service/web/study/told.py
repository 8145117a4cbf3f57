"""What templates are told, and how values are shown in them."""

from collections.abc import Mapping
from typing import Any

from lrtune.service.sentences.words import loss

Told = dict[str, Any]

_LONGEST = 60


def shown_value(value: object) -> str:
    """A parameter's value: whole numbers and words as they are, others to three digits, long ones cut."""
    if isinstance(value, float):
        return f"{value:.3g}"
    text = str(value).lower() if isinstance(value, bool) or value is None else str(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def shown_loss(value: float | None) -> str:
    """A value of the metric, or a dash."""
    return "–" if value is None else loss(value)


def shown_params(params: Mapping[str, object], names: list[str]) -> list[str]:
    """The values of these parameters, a dash for one that is not there."""
    return [shown_value(params[name]) if name in params else "–" for name in names]
