"""The line of the best values so far, small enough for a row."""

import math

from lrtune.service.tuning.listing.best_so_far import Line

WIDTH, HEIGHT = 96, 24
_EDGE = 2.0
_STEEP = 30.0
"""Values that differ by more than this factor are drawn on a logarithmic axis."""


def steps_path(line: Line) -> str:
    """The path of an SVG of 96 by 24, in steps; nothing where there are fewer than two values.

    >>> steps_path(((0.0, 3.0), (0.5, 1.0)))
    'M2.0 2.0H48.0V22.0H94.0'
    """
    if len(line) < 2:
        return ""
    heights = _heights([value for _, value in line])
    pieces = [f"M{_across(line[0][0])} {heights[0]}"]
    pieces += [f"H{_across(share)}V{height}" for (share, _), height in zip(line[1:], heights[1:], strict=True)]
    return "".join(pieces) + f"H{_across(1.0)}"


def _across(share: float) -> str:
    return f"{_EDGE + share * (WIDTH - 2 * _EDGE):.1f}"


def _heights(values: list[float]) -> list[str]:
    if min(values) > 0 and max(values) / min(values) > _STEEP:
        values = [math.log(value) for value in values]
    low, high = min(values), max(values)
    room = HEIGHT - 2 * _EDGE
    # Halved first: the difference of two values may be more than a number can hold.
    return [f"{_EDGE + room * ((high / 2 - value / 2) / (high / 2 - low / 2 or 1.0)):.1f}" for value in values]
