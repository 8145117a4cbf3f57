"""The picture of what became of a trial over time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from lrtune.service.pictures.parts import Axis, Bars, Layer, Panel, Picture
from lrtune.service.pictures.values import time_unit
from lrtune.service.sentences import views as say

_ROLES = {"lost": "failed", "given back": "waiting"}
_LONGEST = 26


@dataclass(frozen=True)
class Stretch:
    """A part of a trial's life, in seconds since the epoch: on lease of a worker, in an attempt, or waiting or paused.
    `ended`: what came of it; `running`, `waiting` or `paused` of what goes on."""

    kind: Literal["leased", "waiting", "paused"]
    begun: float
    over: float
    ended: str
    worker: str = ""
    attempt: int = 0


@dataclass(frozen=True)
class Life:
    """What is known of it, in the order of time."""

    study: str
    number: int
    state: str
    leases: int
    stretches: Sequence[Stretch]


def life_picture(found: Life) -> Picture:
    """A row a worker, and one for waiting, with a bar a stretch of time; the first on top."""
    title = f"study {found.study}: life of trial {found.number}"
    begun = min((one.begun for one in found.stretches), default=0.0)
    total = max((one.over for one in found.stretches), default=0.0) - begun
    name, unit = time_unit(total)
    said = say.life(found.number, found.leases, f"{total / unit:.3g} {name}", found.state)
    if not found.stretches:
        return Picture(title, [], said)
    rows = list(dict.fromkeys(_row(one) for one in found.stretches))
    layers: list[Layer] = []
    for row in reversed(rows):  # Sideways bars begin at the foot.
        for one in [one for one in found.stretches if _row(one) == row]:
            seconds = max(one.over - one.begun, 0.004 * total, 1e-3)  # However short, it is seen.
            layers.append(
                Bars(
                    _ROLES.get(one.ended, one.ended),
                    [row],
                    [seconds / unit],
                    label=_label(one),
                    starts=[(one.begun - begun) / unit],
                    texts=[_told(one)],
                )
            )
    return Picture(title, [Panel(Axis(f"{name} since it began"), Axis(""), layers)], said)


def _row(one: Stretch) -> str:
    name = one.worker or "a worker"
    return (name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…") if one.kind == "leased" else "no worker"


def _label(one: Stretch) -> str:
    return one.kind if one.kind != "leased" else one.ended if one.ended == "running" else f"lease: {one.ended}"


def _told(one: Stretch) -> str:
    seconds = one.over - one.begun
    name, unit = time_unit(seconds)
    lasted = f"{seconds / unit:.3g} {name}"
    if one.kind != "leased":
        return f"{one.kind}, {lasted}"
    return f"attempt {one.attempt} at {one.worker}, {lasted}: {one.ended}"
