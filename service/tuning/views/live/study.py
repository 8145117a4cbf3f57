"""What is new of a study, for all who watch it.

Who watches asks `news` for what came after a position. All who ask within a tick are answered together, at most twice a
second, the first at once: what is new since each of their positions is read once, in one hold of the engine's lock, and
told when it is on disk. Nothing is kept for who watches; who reads slowly asks later, and gets more at once. What
changes is noted from the first viewer on until a minute after the last.
"""

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from lrtune.service.storage.engine.engine import Engine
from lrtune.service.storage.errors import StorageError
from lrtune.service.storage.memory.recent import Recent
from lrtune.service.storage.memory.study import StudyMirror
from lrtune.service.tuning.errors import TuningError
from lrtune.service.tuning.state.watchers import Watchers
from lrtune.service.tuning.studies import Studies
from lrtune.service.tuning.suggesting.suggestion import is_behind, prepare, worked_out
from lrtune.service.tuning.views.live.changes import changed_trials
from lrtune.service.tuning.views.live.position import Position
from lrtune.service.tuning.views.live.viewers import Viewers
from lrtune.service.tuning.views.studies import status_view
from lrtune.service.wire.events import ChangedSuggestion
from lrtune.service.wire.studies import Suggestion

_log = logging.getLogger(__name__)

TICK_SECONDS = 0.5
"""Between two events about a study."""
_BEHIND = 0.01
"""The suggestion may lack this share of the finished trials: none of the first hundred."""
_REST = 10.0
"""Before a suggestion is worked out again, this multiple of the time that the last one took."""
_MOST_POSITIONS = 8
"""From which changes are read at once; whoever is further behind gets the whole status."""
_NOT_TOLD = ("study", "version")
_OF_SUGGESTION = set(ChangedSuggestion.model_fields)

Encode = Callable[[str, str, str], bytes]
"""The bytes of an event of that name, with that id and that JSON."""
News = tuple[bytes, Position]


@dataclass
class _Told:
    """What was told of the study, and who waits; kept with the mirror."""

    at: float = -TICK_SECONDS
    serial: int = 0
    version: int = -1
    fields: dict[str, Any] = field(default_factory=dict)
    since: dict[str, int] = field(default_factory=dict)
    """With which event each field got the value that it has."""
    suggested: Suggestion | None = None
    wanted: set[Position | None] = field(default_factory=set)
    making: "asyncio.Task[dict[Position | None, News]] | None" = None
    suggesting: "asyncio.Task[None] | None" = None
    rested: float = 0.0
    """From when on a suggestion may be worked out again."""


class StudyEvents:
    """For one event loop."""

    def __init__(self, engine: Engine, studies: Studies, watchers: Watchers, encode: Encode) -> None:
        self._engine, self._studies, self._watchers = engine, studies, watchers
        self._encode = encode
        self._loop = asyncio.get_running_loop()
        self._viewers = Viewers(self._forget)

    def stream(self, study_id: int) -> AbstractContextManager[None]:
        """Somebody watches the study for the length of the block."""
        return self._viewers.one_more(study_id)

    def viewers(self, study: StudyMirror) -> int:
        """How many watch it now."""
        return self._viewers.count(study.study_id)

    def _forget(self, study_id: int) -> None:
        """Nobody has watched it for a while: what changes is noted no more."""
        with self._engine.lock:
            study = self._engine.mirrors.peek(study_id)
            if study is not None:
                study.recent = None

    def known(self, study: StudyMirror, position: Position | None) -> Position | None:
        """The position, where what came after it is known; else None: then the whole status has to be told."""
        with self._engine.lock:
            recent = _recent(study)
            told = study.derived(_Told)
            if (
                position is None
                or (position.study_id, position.mark) != (study.study_id, recent.mark)
                or position.serial > told.serial
                or not recent.knows_since(position.version)
            ):
                return None
        return position

    def is_behind(self, study: StudyMirror, known: Position | None) -> bool:
        """Whether there is something to be told that came after the position."""
        if known is None or known.version != study.version:
            return True
        with self._engine.lock:
            told = study.derived(_Told)
            return known.serial != told.serial or told.suggested is not worked_out(study)

    async def news(self, study: StudyMirror, known: Position | None) -> News:
        """The event that tells what came after the position, at the next tick, and the position then.

        Raises StudyNotFound where the study is deleted meanwhile, StorageUnavailable where it is read anew.
        """
        with self._engine.lock:
            told = study.derived(_Told)
        while True:
            told.wanted.add(known)
            making = told.making
            if making is None or making.done():
                making = told.making = self._loop.create_task(self._make(study, told))
                making.add_done_callback(retrieve)
            made = await asyncio.shield(making)
            if known in made:
                return made[known]

    async def _make(self, study: StudyMirror, told: _Told) -> dict[Position | None, News]:
        await asyncio.sleep(max(0.0, told.at + TICK_SECONDS - self._loop.time()))
        with self._engine.lock:
            first = worked_out(study) is None
        if first:
            await prepare(self._engine, study)
        told.at = self._loop.time()
        with self._engine.lock:
            made = self._look(study, told)
            late = is_behind(study, _BEHIND)
        await self._studies.settled(study)
        if late and (told.suggesting is None or told.suggesting.done()):
            told.suggesting = self._loop.create_task(self._suggest(study, told))
        return made

    async def _suggest(self, study: StudyMirror, told: _Told) -> None:
        """Work the suggestion out, and have it told; trainings come first, so it rests between."""
        await asyncio.sleep(max(0.0, told.rested - self._loop.time()))
        begun = self._loop.time()
        try:
            await prepare(self._engine, study, behind=_BEHIND)
        except (StorageError, TuningError):
            return  # The study is gone, or read anew.
        except Exception:
            _log.exception("the suggestion of study %s could not be worked out", study.name)
        told.rested = self._loop.time() + _REST * (self._loop.time() - begun)
        self._watchers.notify({study.study_id})

    # Under the engine's lock

    def _look(self, study: StudyMirror, told: _Told) -> dict[Position | None, News]:
        """What is told to each who waits."""
        status = status_view(study)
        wanted, told.wanted = told.wanted, set()
        if study.version != told.version or told.suggested is not status.suggestion:
            told.serial += 1
            told.version, told.suggested = study.version, status.suggestion
            fields = status.model_dump(mode="json")
            fields["suggestion"] = {k: v for k, v in fields["suggestion"].items() if k in _OF_SUGGESTION}
            for name, value in fields.items():
                if name not in told.fields or told.fields[name] != value:
                    told.since[name] = told.serial
            told.fields = fields
        recent = _recent(study)
        now = Position(study.study_id, recent.mark, told.serial, study.version)
        followed = [known for known in wanted if known is not None and recent.knows_since(known.version)]
        followed = sorted(followed, key=lambda known: known.serial)[-_MOST_POSITIONS:]
        made: dict[Position | None, News] = {
            known: (self._delta(study, recent, told, known, now), now) for known in followed
        }
        if lost := wanted - made.keys():
            whole = self._encode("status", str(now), status.model_dump_json()), now
            made |= dict.fromkeys(lost, whole)
        return made

    def _delta(self, study: StudyMirror, recent: Recent, told: _Told, known: Position, now: Position) -> bytes:
        fields = {
            name: value
            for name, value in told.fields.items()
            if told.since[name] > known.serial and name not in _NOT_TOLD
        }
        trials, more = changed_trials(study, recent, known.version)
        change = {"version": study.version, **fields, "changed": trials}
        if more:
            change["more"] = more
        return self._encode("change", str(now), json.dumps(change, allow_nan=False, separators=(",", ":")))


def _recent(study: StudyMirror) -> Recent:
    """What changed lately: noted from now on, while somebody watches."""
    if study.recent is None:
        study.recent = Recent(study.version)
    return study.recent


def retrieve(task: "asyncio.Task[Any]") -> None:
    """Nobody may be left to whom its failure matters."""
    with contextlib.suppress(asyncio.CancelledError):
        task.exception()
