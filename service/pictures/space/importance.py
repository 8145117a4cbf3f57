"""The picture of which parameters matter."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lrtune.service.pictures.parts import Axis, Bars, Panel, Picture
from lrtune.service.sentences import views as say

_MOST = 15
_LONGEST = 28


@dataclass(frozen=True)
class Importances:
    """The share of each parameter that sets the best trials apart, 0 to 1 and 1 together; empty with the reason why."""

    study: str
    shares: Mapping[str, float]
    basis: str = ""
    """Which trials they rest on, as it is said."""
    left_out: Sequence[str] = ()
    """Parameters that not every trial has."""
    by_chance: Sequence[str] = ()
    """Parameters that set the best trials apart no more than chance does."""
    ranked: Sequence[str] = ()
    """All that were compared, the most telling first."""
    why_none: str = ""


def importance_picture(found: Importances) -> Picture:
    """A bar a parameter, the longest on top."""
    title = f"study {found.study}: importance"
    if not found.shares:
        return Picture(title, [], found.why_none)
    ordered = sorted(found.shares.items(), key=lambda item: -item[1])[:_MOST]
    names, shares = [name for name, _ in ordered], [share for _, share in ordered]
    said = say.importance(names[0], shares[0], found.basis, found.by_chance, found.left_out)
    bars = Bars(
        "fit",
        [_short(name) for name in reversed(names)],
        [100 * share for share in reversed(shares)],
        texts=[f"{name}: {100 * share:.0f} %" for name, share in reversed(ordered)],
    )
    return Picture(title, [Panel(Axis("importance, %"), Axis(""), [bars])], said)


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
