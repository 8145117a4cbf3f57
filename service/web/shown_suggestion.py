"""The suggestion that a page shows: the same one in all that is shown of it at a moment, the card, the bar and the
picture, though each of them is made, and kept, at its own time."""

from dataclasses import dataclass

from lrtune.service.api.container import Container
from lrtune.service.storage.memory.study import StudyMirror
from lrtune.service.tuning.suggesting.suggestion import is_behind, latest, prepare, worked_out
from lrtune.service.wire.studies import Suggestion

_HELD_SECONDS = 2.0
_MOST_HELD_SECONDS = 10.0
_REST = 20.0
"""It is held for so many times what it took to work out."""


@dataclass
class _Shown:
    """The suggestion, which one it is, and until when it is held, by the clock of elapsed time."""

    suggestion: Suggestion | None = None
    number: int = 0
    until: float = 0.0


async def hold(parts: Container, study: StudyMirror) -> int:
    """See to it that a suggestion is shown; a number that changes with it, for the keys of what is made of it."""
    engine = parts.engine
    with engine.lock:
        shown, begun = study.derived(_Shown), engine.elapsed()
        if shown.suggestion is not None and begun < shown.until:
            return shown.number
    await prepare(engine, study)
    with engine.lock:
        newest, now = latest(study), engine.elapsed()
        if newest is not shown.suggestion:
            shown.suggestion, shown.number = newest, shown.number + 1
        shown.until = now + min(max(_REST * (now - begun), _HELD_SECONDS), _MOST_HELD_SECONDS)
        return shown.number


def shown_suggestion(study: StudyMirror) -> Suggestion:
    """The suggestion that is held; the latest where none is. Under the engine's lock."""
    return study.derived(_Shown).suggestion or latest(study)


def another_is_known(study: StudyMirror) -> bool:
    """Whether there is more to suggest by than what is held: ask again a little later. Under the engine's lock."""
    shown = study.derived(_Shown).suggestion
    return shown is not None and (worked_out(study) is not shown or is_behind(study, 0.0))
