"""What a picture is made of, whatever draws it.

Coordinates are the values themselves, also on logarithmic axes; `None` among them is a gap in a line. What something
*is* (a role) is said here, how it looks is in `looks`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

Across = Literal["x", "y"]
Edge = Literal["top", "bottom"]
Place = float | str | None
"""A number; on an axis of categories its name."""


@dataclass(frozen=True)
class Axis:
    """An axis: its title with the unit, its scale, and its ends where they are not those of what is drawn."""

    title: str
    log: bool = False
    ends: tuple[float, float] | None = None
    whole: bool = False
    """Whether only whole numbers are places on it (steps, trials)."""
    ticks: tuple[tuple[float, str], ...] = ()
    """Places and what is written there, instead of numbers."""
    bare: bool = False
    """Whether nothing is written on it, since there is nothing to read off."""


@dataclass(frozen=True)
class Points:
    """Marks, one a trial mostly."""

    role: str
    x: Sequence[Place]
    y: Sequence[Place]
    label: str = ""
    """In the legend; none where it is empty. Without points it stands there alone."""
    texts: Sequence[str] = ()
    """What is told of each where one points at it."""
    trials: Sequence[int] = ()
    """The number of each one's trial, where it has one: a click leads there."""
    shape: str | None = None
    """Another shape than the role's: one of `looks.SHAPES`, or `up` and `down` for what lies past the axis."""
    pale: bool = False
    at: Edge | None = None
    """Where they have no place along y: at that edge of the panel, and `y` is not looked at."""
    row: int = 0
    """Which row along the edge, the outermost being 0."""


@dataclass(frozen=True)
class Line:
    """A line through points."""

    role: str
    x: Sequence[Place]
    y: Sequence[float | None]
    label: str = ""
    dash: Literal["solid", "dashed", "dotted", "dashdot"] = "solid"
    width: float = 1.5
    """In points."""
    pale: bool = False
    stairs: bool = False
    """Whether each value holds until the next place."""
    shade: float | None = None
    """Its place, 0 to 1, on the picture's scale of colours, in place of the role's colour."""
    trial: int | None = None
    texts: Sequence[str] = ()
    """What is told of each point where one points at it."""
    told: str = ""
    """What is told of the line instead, before the place that one points at."""


@dataclass(frozen=True)
class Band:
    """What lies between two curves."""

    role: str
    x: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]
    label: str = ""


@dataclass(frozen=True)
class Span:
    """What lies between two values of an axis, over the whole panel."""

    role: str
    low: float
    high: float
    across: Across = "x"
    label: str = ""


@dataclass(frozen=True)
class Rule:
    """A line over the whole panel at a value of an axis."""

    role: str
    at: float
    across: Across = "x"
    label: str = ""
    dash: Literal["solid", "dashed", "dotted", "dashdot"] = "solid"


@dataclass(frozen=True)
class Bars:
    """A bar a name, from 0 or from `starts`."""

    role: str
    names: Sequence[str]
    lengths: Sequence[float]
    label: str = ""
    starts: Sequence[float] = ()
    sideways: bool = True
    texts: Sequence[str] = ()


@dataclass(frozen=True)
class Note:
    """A few words at a place."""

    text: str
    x: float
    y: float
    role: str = "plain"
    below: bool = False
    """Whether the words hang below the place; else they lie around it."""


Layer = Points | Line | Band | Span | Rule | Bars | Note


@dataclass(frozen=True)
class Panel:
    """One pair of axes, and what lies on them; what comes later lies above."""

    x: Axis
    y: Axis
    layers: Sequence[Layer]
    title: str = ""


@dataclass(frozen=True)
class Scale:
    """What the colours of lines mean, by a bar beside the picture."""

    title: str
    low: float
    high: float
    log: bool = False


@dataclass(frozen=True)
class Picture:
    """Panels side by side, with a common legend. Where an axis of all panels is the same, they share it."""

    title: str
    panels: Sequence[Panel]
    said: str
    """What is to be seen on it, in a sentence or two: for who does not see it, and below it."""
    scale: Scale | None = None
    columns: int = 2
    """Panels in a row, at the most."""
    notes: Sequence[str] = field(default_factory=tuple)
    """Lines below the legend: for which setting a fit holds, say."""
