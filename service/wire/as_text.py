"""What is on the wire, for people: numbers, parameters, a suggestion."""

import math
from collections.abc import Mapping
from typing import Protocol

from lrtune.service.sentences import suggestion as sentences
from lrtune.service.sentences.words import between
from lrtune.service.wire.cards import Suggested as Answer


class Suggested(Answer, Protocol):
    """What a suggestion says, and what it rests on."""

    @property
    def trials(self) -> int: ...
    @property
    def basis(self) -> str: ...


def number(value: float | int | None, digits: int = 3) -> str:
    """A number for people: `0.0031`, `1.2e-05`, `nan`; a dash for None."""
    if value is None:
        return "–"
    if isinstance(value, int) or not math.isfinite(value):
        return str(value)
    return f"{value:.{digits}g}"


def params_text(params: Mapping[str, object]) -> str:
    """`learning_rate=0.0031 batch_size=64`."""
    return " ".join(f"{name}={number(value) if isinstance(value, float) else value}" for name, value in params.items())


def suggestion_line(found: Suggested) -> str:
    """`suggested learning_rate=0.0031 interval=[0.0018, 0.0052] after 24 trials`; of a study without a learning rate,
    `suggested max_depth=16 after 6 trials`."""
    if found.learning_rate is None and found.params:
        return sentences.line_without_rate(params_text(found.params), found.trials)
    ends = None if found.interval is None else between(*found.interval)
    return sentences.line(number(found.learning_rate), ends, found.trials)


def suggestion_reasons(found: Suggested) -> list[str]:
    """The suggestion's background: why, what to train with, and what to expect; a line each."""
    lines = [found.explanation] if found.explanation else []
    if found.params:
        lines.append(sentences.train_with(params_text(found.params)))
    if found.expected_value is not None:
        lines.append(sentences.expect(number(found.expected_value, 4), found.basis))
    return lines


def suggestion_text(found: Suggested) -> str:
    """The suggestion in a line, and why in another: what `print` shows."""
    return "\n".join(part for part in (suggestion_line(found), found.explanation) if part)
