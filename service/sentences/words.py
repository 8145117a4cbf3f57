"""Numbers and counts as all sentences write them."""

import math
import re
from collections.abc import Iterable
from datetime import UTC, datetime

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-_])")
"""What a terminal takes for commands: ECMA-48's control sequences, and titles of windows."""


def plain(text: str) -> str:
    """Text of somebody else's on one line: what a terminal would take for a command is left out.

    >>> plain("\\x1b[31mno\\tGPU\\x07")
    'no GPU '
    """
    return "".join(letter if letter.isprintable() else " " for letter in _ESCAPES.sub("", text))


def rate(value: float) -> str:
    """A learning rate, to three digits: `0.0031`, `2.51e-05`."""
    return f"{value:.3g}"


def between(low: float, high: float) -> tuple[str, str]:
    """The ends of an interval, to three digits and outwards: what lies in it lies in what is shown."""
    return _rounded(low, -1), _rounded(high, 1)


def _rounded(value: float, side: int) -> str:
    shown = f"{value:.3g}"
    if not math.isfinite(value) or (float(shown) - value) * side >= -1e-9 * abs(value):
        return shown
    return f"{float(shown) + side * 10.0 ** (math.floor(math.log10(abs(value))) - 2):.3g}"


def loss(value: float) -> str:
    """A value of a study's metric, to four digits."""
    return f"{value:.4g}"


def measured(metric: str, direction: str) -> str:
    """What a study's values are called. Of a study that maximizes and names no metric they are no losses.

    >>> measured("loss", "minimize"), measured("loss", "maximize"), measured("accuracy", "maximize")
    ('loss', 'value', 'accuracy')
    """
    return "value" if (metric, direction) == ("loss", "maximize") else metric


def span(seconds: float) -> str:
    """A length of time, roughly: `0.8 s`, `45 s`, `12 min`, `3.5 h`, `4 days`.

    >>> span(0.81), span(45.2), span(720), span(12_600), span(345_600)
    ('0.81 s', '45 s', '12 min', '3.5 h', '4 days')
    """
    if seconds < 99.5:
        return f"{seconds:.2g} s" if seconds >= 0.01 else "under 0.01 s"
    if seconds < 5_400:
        return f"{seconds / 60:.0f} min"
    if seconds < 2 * 86_400:
        return f"{seconds / 3_600:.1f} h"
    return f"{seconds / 86_400:.0f} days"


def moment(at: float) -> str:
    """A time in seconds since the epoch, for what is kept and read later: `2026-03-01 16:24:05 UTC`."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC"


def count(number: int, one: str, many: str | None = None) -> str:
    """`1 trial`, `3 trials`."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def paragraph(sentences: Iterable[str]) -> str:
    """Sentences in a row; each begins with a capital letter and ends with a full stop, empty ones are left out."""
    return " ".join(_whole(sentence) for sentence in sentences if sentence)


def _whole(sentence: str) -> str:
    begun = sentence[0].upper() + sentence[1:]
    return begun if begun[-1] in ".!?" else begun + "."
