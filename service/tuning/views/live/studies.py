"""What is new of all studies, in short, for all who watch them.

Commits tell which studies changed; at most twice a second, the first at once, these are looked at, some at a time, and
each is told to those who see it when it is on disk. None is loaded for that: of one that is not in memory no more is
told than that it changed. Of a study the latest news alone is kept, from the first viewer on until a minute after the
last.
"""

import asyncio
import contextlib
import json
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from secrets import token_urlsafe
from typing import TypeVar

from lrtune.service.storage.engine.engine import Engine
from lrtune.service.storage.errors import StorageUnavailable
from lrtune.service.storage.memory.study import StudyMirror
from lrtune.service.storage.sql.reading.results import StudyTimes, read_times
from lrtune.service.storage.sql.reading.summaries import MOST
from lrtune.service.tuning.errors import StudyNotFound
from lrtune.service.tuning.state.budget import state_of
from lrtune.service.tuning.state.watchers import EVERY_STUDY, Watchers
from lrtune.service.tuning.studies import Studies
from lrtune.service.tuning.suggesting.suggestion import worked_out
from lrtune.service.tuning.views.live.position import Position
from lrtune.service.tuning.views.live.study import TICK_SECONDS, Encode, retrieve
from lrtune.service.tuning.views.live.viewers import Viewers
from lrtune.service.wire.events import StudyNews
from lrtune.service.wire.studies import TrialCounts

One = TypeVar("One")

_AT_ONCE = 20
"""Studies read in one hold of the engine's lock."""
_MOST_KEPT = 10_000
"""Names of studies that changed, or were deleted."""


@dataclass(frozen=True)
class AllNews:
    """What is told of studies by name, up to a position."""

    told: Mapping[str, bytes]
    position: Position
    begins: bool
    """Whether it is for those who have to read all studies anew: nobody knows what else has changed."""

    def seen_by(self, sees: Callable[[str], bool]) -> bytes:
        """The events about those studies that one sees."""
        return b"".join(told for name, told in self.told.items() if sees(name))


class StudiesEvents:
    """For one event loop. It costs nothing while nobody watches."""

    def __init__(self, engine: Engine, studies: Studies, watchers: Watchers, encode: Encode) -> None:
        self._engine, self._studies, self._watchers = engine, studies, watchers
        self._encode = encode
        self._loop = asyncio.get_running_loop()
        self._mark = token_urlsafe(6)
        self._at = -TICK_SECONDS
        self._serial = 0
        self._known_since = 0
        self._changed: set[int] | None = None
        """Ids of studies that have changed since the last tick."""
        self._names: dict[str, int] = {}
        self._latest: OrderedDict[str, int] = OrderedDict()
        """Of which event the latest news about a study is; the oldest first."""
        self._making: asyncio.Task[dict[int | None, AllNews]] | None = None
        self._wanted: set[int | None] = set()
        self._viewers = Viewers(self._forget)

    def stream(self) -> AbstractContextManager[None]:
        """Somebody watches all studies for the length of the block."""
        return self._viewers.one_more(EVERY_STUDY)

    def _forget(self, _: int) -> None:
        """Nobody has watched for a while: whoever comes again begins anew."""
        self._watchers.stop_collecting()
        self._changed = None
        self._names = {}
        self._latest.clear()
        self._serial += 1
        self._known_since = self._serial

    def known(self, position: Position | None) -> Position | None:
        """The position, where what came after it is known; else None."""
        if position is None or position.study_id != EVERY_STUDY or position.mark != self._mark:
            return None
        return position if self._known_since <= position.serial <= self._serial else None

    def is_behind(self, known: Position | None) -> bool:
        """Whether there is something to be told that came after the position."""
        return known is None or known.serial != self._serial or bool(self._changed)

    async def news(self, known: Position | None) -> AllNews:
        """What came after the position, at the next tick. Raises StorageUnavailable."""
        wanted = None if known is None else known.serial
        while True:
            self._wanted.add(wanted)
            making = self._making
            if making is None or making.done():
                making = self._making = self._loop.create_task(self._make())
                making.add_done_callback(retrieve)
            made = await asyncio.shield(making)
            if wanted in made:
                return made[wanted]

    async def _make(self) -> dict[int | None, AllNews]:
        await asyncio.sleep(max(0.0, self._at + TICK_SECONDS - self._loop.time()))
        self._at = self._loop.time()
        self._take_in(self._engine.study_names())
        wanted, self._wanted = self._wanted, set()
        position = Position(EVERY_STUDY, self._mark, self._serial, 0)
        oldest = min((serial for serial in wanted if serial is not None), default=self._serial)
        latest, names = dict(self._since(oldest)), self._names
        told: dict[str, bytes] = {}
        for name in latest:
            if name not in names:
                told[name] = self._encode("gone", str(position), json.dumps({"study": name}))
        told |= await self._read({name: names[name] for name in latest if name in names}, position)
        made: dict[int | None, AllNews] = {}
        for serial in wanted:
            begins = serial is None or serial < self._known_since
            newer = {} if begins else {name: told[name] for name in told if latest[name] > (serial or 0)}
            made[serial] = AllNews(newer, position, begins)
        return made

    def _take_in(self, names: dict[str, int]) -> None:
        """Note what has changed since the last tick."""
        changed: set[int] = set()
        if self._changed is None:
            self._changed = self._watchers.collect()
        else:
            changed, ids = set(self._changed), self._names
            fresh = [name for name, study_id in names.items() if study_id in changed or ids.get(name) != study_id]
            gone = [name for name in ids if name not in names]
            if fresh or gone:
                self._serial += 1
            for name in (*fresh, *gone):
                self._latest[name] = self._serial
                self._latest.move_to_end(name)
        self._changed.clear()
        self._names = names
        while len(self._latest) > _MOST_KEPT:
            self._known_since = self._latest.popitem(last=False)[1]

    def _since(self, serial: int) -> Iterator[tuple[str, int]]:
        for name, of in reversed(self._latest.items()):
            if of <= serial:
                return
            yield name, of

    async def _read(self, names: Mapping[str, int], position: Position) -> dict[str, bytes]:
        """The news about these studies, on disk."""
        found: dict[str, StudyNews] = {}
        elsewhere: dict[int, str] = {}
        for some in _some(list(names.items()), _AT_ONCE):
            with self._engine.lock:
                seen = {name: (study_id, self._engine.mirrors.peek(study_id)) for name, study_id in some}
                here = [study for _, study in seen.values() if study is not None and study.spec is not None]
                news = [_news(study) for study in here]
            elsewhere |= {study_id: name for name, (study_id, study) in seen.items() if study is None}
            for study, new in zip(here, news, strict=True):
                with contextlib.suppress(StudyNotFound, StorageUnavailable):
                    await self._studies.settled(study)
                    found[study.name] = new
            await asyncio.sleep(0)
        for ids in _some(list(elsewhere), MOST):
            for times in await asyncio.to_thread(self._times, ids):
                name = elsewhere[times.study_id]
                found[name] = StudyNews(study=name, version=times.version)
        return {
            name: self._encode("study", str(position), new.model_dump_json(exclude_unset=True))
            for name, new in found.items()
        }

    def _times(self, study_ids: Sequence[int]) -> list[StudyTimes]:
        with self._engine.database.read() as connection:
            return read_times(connection, study_ids)


def _some(all_of_them: Sequence[One], most: int) -> Iterator[Sequence[One]]:
    for start in range(0, len(all_of_them), most):
        yield all_of_them[start : start + most]


def _news(study: StudyMirror) -> StudyNews:
    best, suggestion = study.best, worked_out(study)
    return StudyNews.model_validate(
        {
            "study": study.name,
            "version": study.version,
            "state": state_of(study),
            "trials": TrialCounts(**study.tally.outcomes),
            "best": None if best is None else best.value,
            "learning_rate": None if suggestion is None else suggestion.learning_rate,
        }
    )
