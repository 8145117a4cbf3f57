"""The list of studies, a page at a time."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from lrtune.service.storage.engine.engine import Engine
from lrtune.service.storage.memory.study import StudyMirror
from lrtune.service.storage.sql.reading.results import StudyTimes, read_results, read_times
from lrtune.service.storage.sql.reading.summaries import MOST
from lrtune.service.tuning.listing.choice import Choice, in_order
from lrtune.service.tuning.listing.row import StudyRow, row_in_memory, row_on_disk
from lrtune.service.tuning.suggesting.suggestion import prepare, worked_out

_log = logging.getLogger(__name__)

A_PAGE = 50
_ROWS_A_SLICE = 20


@dataclass(frozen=True)
class Listed:
    """A page of the list."""

    rows: list[StudyRow]
    found: int
    """Studies that the choice finds, on all pages."""
    studies: int
    """Studies that there are to see."""
    page: int
    pages: int
    pending: bool = False
    """Whether suggestions of some of these are being worked out."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """A row as it was at a version of its study."""

    version: int
    read_at: float
    row: StudyRow


class _Failed:
    """The version of a study at which its suggestion could not be worked out."""

    at_version = -1


class Listing:
    """Rows of all studies. Those of studies that are not in memory are kept until their studies change: nobody but
    other processes changes one that is not in memory. `page` is for the event loop; what it blocks on runs in
    threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._kept: dict[int, _Kept] = {}
        self._generation = -1
        self._suggesting: asyncio.Task[None] | None = None

    async def page(self, choice: Choice, shown: Callable[[str], bool]) -> Listed:
        """The studies that are to be `shown` and that the choice finds. Raises StorageUnavailable."""
        times = await self._times()
        visible = {name: known for name, known in times.items() if shown(name)}
        wanted = choice.text.casefold()
        rows = [_bare(name, known) for name, known in visible.items() if wanted in name.casefold()]
        unreadable = self._engine.unreadable()
        others = {
            row.name: replace(row, state="unreadable", why=unreadable[row.name])
            for row in rows
            if row.name in unreadable
        }
        if choice.asks_rows:
            full = await self._rows({row.name: times[row.name] for row in rows if row.name not in others})
            rows = [row for row in (*full.values(), *others.values()) if choice.wants(row)]
        ordered = in_order(rows, choice)
        pages = max(1, -(-len(ordered) // A_PAGE))
        page = min(max(1, choice.page), pages)
        on_page = ordered[(page - 1) * A_PAGE : page * A_PAGE]
        full = await self._rows({row.name: times[row.name] for row in on_page if row.name not in others})
        return Listed(
            rows=[found for row in on_page if (found := others.get(row.name) or full.get(row.name)) is not None],
            found=len(ordered),
            studies=len(visible),
            page=page,
            pages=pages,
            pending=self._suggest(times[row.name].study_id for row in on_page),
        )

    def _suggest(self, study_ids: Iterable[int]) -> bool:
        """See to it that those of these studies that are in memory have a suggestion; whether one is to come. They
        are worked out one after another, for all who look."""
        if self._suggesting is not None and not self._suggesting.done():
            return True
        with self._engine.lock:
            known = [study for i in study_ids if (study := self._engine.mirrors.peek(i)) is not None]
            lacking = [study for study in known if _lacks(study)]
        if not lacking:
            return False
        self._suggesting = asyncio.create_task(self._work_out(lacking), name="lrtune-list-suggestions")
        return True

    async def _work_out(self, studies: Sequence[StudyMirror]) -> None:
        for study in studies:
            if not study.alive:
                continue
            try:
                await prepare(self._engine, study)
            except Exception:
                with self._engine.lock:
                    study.derived(_Failed).at_version = study.version
                _log.exception("no suggestion for study %s in the list", study.name)

    async def _times(self) -> dict[str, StudyTimes]:
        """Those of all studies by name, as they are in memory where they are. Forgets rows of what is gone."""
        engine = self._engine
        names = engine.study_names()
        on_disk = {known.study_id: known for known in await asyncio.to_thread(self._read_times)}
        found: dict[str, StudyTimes] = {}
        with engine.lock:
            for name, study_id in names.items():
                study = engine.mirrors.peek(study_id)
                if study is not None and study.spec is not None:
                    found[name] = StudyTimes(study_id, study.version, study.created_at, study.updated_at)
                elif study is None and study_id in on_disk:
                    found[name] = on_disk[study_id]
        if self._generation != engine.activations:
            self._generation = engine.activations
            self._kept.clear()
        there = {known.study_id for known in found.values()}
        for study_id in self._kept.keys() - there:
            self._kept.pop(study_id, None)
        return found

    def _read_times(self) -> list[StudyTimes]:
        with self._engine.database.read() as connection:
            return read_times(connection)

    async def _rows(self, times: dict[str, StudyTimes]) -> dict[str, StudyRow]:
        """The rows of these studies by name, of those that still are there."""
        found: dict[str, StudyRow] = {}
        missing: list[str] = []
        names = list(times)
        for start in range(0, len(names), _ROWS_A_SLICE):
            some = names[start : start + _ROWS_A_SLICE]
            for name in some:
                row = self._known(times[name])
                if row is None:
                    missing.append(name)
                else:
                    found[name] = row
            await asyncio.sleep(0)
        for start in range(0, len(missing), MOST):
            some = missing[start : start + MOST]
            found |= await asyncio.to_thread(self._read, some, times)
        return found

    def _known(self, times: StudyTimes) -> StudyRow | None:
        """The row of a study that is in memory, or that was read and has not changed since."""
        engine = self._engine
        with engine.lock:
            study = engine.mirrors.peek(times.study_id)
            if study is not None and study.spec is not None:
                row = row_in_memory(study)
                self._kept[study.study_id] = _Kept(study.version, time.monotonic(), row)
                return row
        kept = self._kept.get(times.study_id)
        if kept is None or kept.version != times.version or kept.read_at < engine.neighbours.busy_until:
            return None
        return replace(kept.row, workers=0)

    def _read(self, names: Sequence[str], times: dict[str, StudyTimes]) -> dict[str, StudyRow]:
        """Rows of studies that are not in memory. Blocks; in a thread."""
        begun = time.monotonic()
        facts = self._engine.facts(names)
        ids = [times[name].study_id for name, one in facts.items() if not isinstance(one, StudyMirror)]
        with self._engine.database.read() as connection:
            results = read_results(connection, ids) if ids else {}
        found: dict[str, StudyRow] = {}
        for name, one in facts.items():
            known = times[name]
            if isinstance(one, StudyMirror):
                with self._engine.lock:
                    found[name] = row_in_memory(one)
            elif known.study_id in results:
                row = found[name] = row_on_disk(one, known, results[known.study_id])
                self._kept[known.study_id] = _Kept(known.version, begun, row)
        return found


def _lacks(study: StudyMirror) -> bool:
    """Whether a suggestion is to be worked out; one that failed, not before the study has changed."""
    return study.spec is not None and worked_out(study) is None and study.derived(_Failed).at_version != study.version


def _bare(name: str, times: StudyTimes) -> StudyRow:
    """What is known of a study before it is looked at: enough to sort by name and times."""
    return StudyRow(name, "running", times.created_at, times.updated_at)
