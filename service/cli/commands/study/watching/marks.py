"""Small pictures in a line of text: a curve, an interval on its axis, a bar."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from rich.text import Text

CALM, GOOD, BAD, QUIET = "cyan", "green", "red", "dim"


@dataclass(frozen=True)
class Letters:
    """What pictures are drawn with."""

    heights: str
    """Of a curve, the lowest first."""
    broken: str
    """A value that is no finite number."""
    axis: str
    interval: str
    beyond: str
    """The axis where training diverges."""
    at: str
    """The suggested rate."""
    full: str
    rest: str
    dash: str
    dots: str
    """Where something is cut."""
    outcomes: dict[str, str]


BLOCKS = Letters(
    heights="▁▂▃▄▅▆▇█",
    broken="×",
    axis="─",
    interval="━",
    beyond="×",
    at="●",
    full="█",
    rest="░",
    dash="–",
    dots="…",
    outcomes={"complete": "●", "pruned": "■", "diverged": "×", "failed": "▼", "running": "▶", "waiting": "◆"},
)
ASCII = Letters(
    heights="_.-=+*#",
    broken="x",
    axis="-",
    interval="=",
    beyond="x",
    at="O",
    full="#",
    rest=".",
    dash="-",
    dots="...",
    outcomes={"complete": "o", "pruned": "s", "diverged": "x", "failed": "v", "running": ">", "waiting": "."},
)
"""For terminals that show no other letters."""


def cut(text: Text, width: int, letters: Letters) -> Text:
    """The text in one line of `width` letters at the most."""
    if text.cell_len > width:
        text.truncate(max(0, width - len(letters.dots)))
        text.append(letters.dots)
    text.no_wrap = True
    return text


def cut_at_word(text: Text, width: int, letters: Letters) -> Text:
    """As `cut`, but no word is broken, where one ends in the second half of the line."""
    if text.cell_len > width:
        room = text.plain[: max(0, width - len(letters.dots) - 1)]
        end = room.rfind(" ")
        if end > width // 2:
            text.truncate(end)
            text.append(f" {letters.dots}")
    return cut(text, width, letters)


def sparkline(values: Sequence[float], width: int, letters: Letters) -> str:
    """A curve in `width` letters at the most, each the mean of its share; as high as its own values reach.

    >>> sparkline([4, 3, 2, 1], 4, BLOCKS)
    '█▆▃▁'
    """
    shares = _shares(values, width)
    finite = [value for value in shares if math.isfinite(value)]
    if not finite:
        return letters.broken * len(shares)
    low, high = min(finite), max(finite)
    steps = len(letters.heights) - 1

    def letter(value: float) -> str:
        if not math.isfinite(value):
            return letters.broken
        part = (value / 2 - low / 2) / (high / 2 - low / 2) if high > low else 0.0  # Halved: no sum overflows.
        return letters.heights[round(part * steps)]

    return "".join(map(letter, shares))


def _shares(values: Sequence[float], width: int) -> list[float]:
    if len(values) <= width:
        return list(values)
    ends = [round(place * len(values) / width) for place in range(width + 1)]
    shares = [values[low:high] for low, high in pairwise(ends)]
    return [sum(value / len(share) for value in share) for share in shares]


def interval_bar(
    bounds: tuple[float, float],
    interval: tuple[float, float] | None,
    at: float,
    width: int,
    letters: Letters,
    edge: float | None = None,
) -> Text:
    """Where the rate, its interval and the `edge` beyond which training diverges lie between the bounds, on a
    logarithmic axis of `width` letters."""

    def place(value: float) -> int:
        low, high = (math.log(bound) for bound in bounds)
        share = (math.log(value) - low) / (high - low) if high > low else 0.5
        return round(min(max(share, 0.0), 1.0) * (width - 1))

    bar = Text()
    first, last = (place(at), place(at)) if interval is None else (place(interval[0]), place(interval[1]))
    beyond = width if edge is None or edge >= bounds[1] else place(edge) + 1
    for column in range(width):
        if column == place(at):
            bar.append(letters.at, f"bold {GOOD}")
        elif column >= beyond:
            bar.append(letters.beyond, BAD)
        elif first <= column <= last:
            bar.append(letters.interval, GOOD)
        else:
            bar.append(letters.axis, QUIET)
    return bar


def progress_bar(done: float, of: float, width: int, letters: Letters) -> Text:
    """How far something is; full only where all of it is done."""
    share = min(max(done / of, 0.0), 1.0) if of > 0 else 0.0
    full = math.floor(share * width)
    return Text().append(letters.full * full, CALM).append(letters.rest * (width - full), QUIET)
