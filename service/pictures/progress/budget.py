"""The picture of where a study's steps went."""

from dataclasses import dataclass

from lrtune.service.pictures.parts import Axis, Bars, Layer, Panel, Picture
from lrtune.service.sentences import views as say

_ROLES = {"lost": "failed", "waiting": "paused", "saved by stopping": "answer"}


@dataclass(frozen=True)
class StepsSpent:
    """A study's steps: on the curves of complete, pruned, diverged, failed, running and waiting trials, of attempts
    that were lost, and those that stopping early has saved."""

    study: str
    complete: int = 0
    pruned: int = 0
    diverged: int = 0
    failed: int = 0
    running: int = 0
    waiting: int = 0
    lost: int = 0
    saved: int = 0

    @property
    def trained(self) -> int:
        """All that were trained."""
        parts = (self.complete, self.pruned, self.diverged, self.failed, self.running, self.waiting, self.lost)
        return sum(parts)


def budget_picture(spent: StepsSpent) -> Picture:
    """A bar for each thing that steps were spent on, and for those that were saved."""
    title = f"study {spent.study}: steps"
    said = say.budget(spent.trained, spent.saved, spent.diverged + spent.failed + spent.lost)
    rows = [
        ("complete", spent.complete),
        ("pruned", spent.pruned),
        ("diverged", spent.diverged),
        ("failed", spent.failed),
        ("lost", spent.lost),
        ("running", spent.running),
        ("waiting", spent.waiting),
        ("saved by stopping", spent.saved),
    ]
    shown = [(name, steps) for name, steps in reversed(rows) if steps > 0]  # Sideways bars begin at the foot.
    if not shown:
        return Picture(title, [], said)
    total = spent.trained + spent.saved
    layers: list[Layer] = [
        Bars(
            _ROLES.get(name, name),
            [name],
            [float(steps)],
            texts=[f"{name}: {say.whole(steps)} steps, {100 * steps / total:.0f} %"],
        )
        for name, steps in shown
    ]
    return Picture(title, [Panel(Axis("steps", whole=True), Axis(""), layers)], said)
