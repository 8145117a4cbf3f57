"""How each role looks: colours that people who do not tell red from green tell apart, and that stand out on white and
on the dark page alike (a contrast of 3 and more, WCAG 2.2 §1.4.11); and never by the colour alone.

Source of the colours: M. Okabe and K. Ito, "Color Universal Design", 2008, darker or lighter by a step.
"""

from dataclasses import dataclass

COLORS: dict[str, str] = {
    "complete": "#1f86c9",
    "short": "#1f86c9",
    "pruned": "#b98410",
    "diverged": "#d8451b",
    "failed": "#b054a0",
    "running": "#0f9a72",
    "paused": "#9a7b4f",
    "waiting": "#7f8b99",
    "answer": "#00916a",
    "edge": "#d8451b",
    "fit": "#5b7fd1",
    "best": "#00916a",
    "plain": "#7f8b99",
    "evidence": "#c95d9c",
    "range test": "#9a6fd0",
    "ignored": "#d8451b",
}
"""Of each role. Lines that have none of these names take one of `SERIES` by the number in theirs: `series 3`."""

SERIES = ("#1f86c9", "#d8451b", "#00916a", "#b98410", "#b054a0", "#5b7fd1", "#9a7b4f", "#7f8b99")
SHAPES = ("circle", "triangle", "plus", "star")
"""Of complete trials, one a choice of a second parameter."""

RAMP = ("#2f6fde", "#8d63d2", "#cf5a98", "#dd7a38")
"""The scale of colours, from low to high: blue to orange, each step a little lighter."""


@dataclass(frozen=True)
class Mark:
    """The look of a point; its size is in pixels of a page, a diameter."""

    shape: str
    size: float
    hollow: bool = False


MARKS: dict[str, Mark] = {
    "complete": Mark("circle", 7),
    "short": Mark("circle", 6, hollow=True),
    "pruned": Mark("square", 6),
    "diverged": Mark("cross", 8),
    "failed": Mark("triangle-down", 8),
    "running": Mark("triangle-right", 8),
    "paused": Mark("diamond", 7, hollow=True),
    "waiting": Mark("diamond", 6),
    "best": Mark("circle", 14, hollow=True),
    "ignored": Mark("cross", 7),
}
_ANY = Mark("circle", 6)


def color_of(role: str) -> str:
    """The colour of a role."""
    if role.startswith("series "):
        return SERIES[int(role.removeprefix("series ")) % len(SERIES)]
    return COLORS.get(role, COLORS["plain"])


def mark_of(role: str) -> Mark:
    """The mark of a role."""
    return MARKS.get(role, _ANY)


def shade(share: float) -> str:
    """The colour at a share, 0 to 1, of the scale."""
    at = min(max(share, 0.0), 1.0) * (len(RAMP) - 1)
    index = min(int(at), len(RAMP) - 2)
    first, second = (rgb(color) for color in RAMP[index : index + 2])
    mixed = (round(a + (b - a) * (at - index)) for a, b in zip(first, second, strict=True))
    return "#" + "".join(f"{value:02x}" for value in mixed)


def rgb(color: str) -> tuple[int, int, int]:
    """Red, green and blue of `#rrggbb`, 0 to 255 each."""
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)
