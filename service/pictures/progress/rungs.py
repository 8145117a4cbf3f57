"""The picture of how far trials came, and where they ended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lrtune.service.pictures.parts import Axis, Bars, Layer, Panel, Picture
from lrtune.service.sentences import views as say
from lrtune.service.sentences.words import count

_ORDER = ("went on", "complete", "short", "running", "paused", "waiting", "pruned", "diverged", "failed")
_ROLES = {"went on": "fit"}
_STOPPED = ("pruned", "diverged", "failed")


@dataclass(frozen=True)
class Rung:
    """A step that trials come to: how many went on to the next one, and what became of the others, by state."""

    step: int
    went_on: int
    ended: Mapping[str, int]

    @property
    def reached(self) -> int:
        """How many came so far."""
        return self.went_on + sum(self.ended.values())


@dataclass(frozen=True)
class Rungs:
    """A study's rungs by step; counted over the latest trials, `looked_at` of those that have `begun`."""

    study: str
    rungs: Sequence[Rung]
    looked_at: int
    begun: int


def rungs_picture(found: Rungs) -> Picture:
    """A bar a rung, as long as trials came there: those that went on, then those that ended or wait there."""
    title = f"study {found.study}: rungs"
    if not found.looked_at:
        return Picture(title, [], say.nothing_reported())
    rungs = list(reversed(found.rungs))  # Sideways bars begin at the foot.
    names = [f"step {say.whole(rung.step)}" if rung.step else "before" for rung in rungs]
    starts = [0.0] * len(names)
    layers: list[Layer] = []
    for state in _ORDER:
        counts = [rung.went_on if state == "went on" else rung.ended.get(state, 0) for rung in rungs]
        if not any(counts):
            continue
        texts = [
            f"{name}: {number} of {count(rung.reached, 'trial')} {_verb(state)}"
            for name, number, rung in zip(names, counts, rungs, strict=True)
        ]
        lengths = [float(number) for number in counts]
        layers.append(Bars(_ROLES.get(state, state), names, lengths, label=state, starts=tuple(starts), texts=texts))
        starts = [start + length for start, length in zip(starts, lengths, strict=True)]
    stopped = sum(rung.ended.get(state, 0) for rung in found.rungs[:-1] for state in _STOPPED)
    said = say.rungs(found.looked_at, found.begun, found.rungs[-1].reached, stopped)
    return Picture(title, [Panel(Axis("trials", whole=True), Axis(""), layers)], said)


def _verb(state: str) -> str:
    return "went on" if state == "went on" else f"{'ended' if state in _STOPPED else 'are'} {state}"
