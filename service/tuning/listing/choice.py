"""Which studies the list shows, and in which order."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from lrtune.service.tuning.listing.row import StudyRow

Column = Literal["name", "state", "progress", "best", "rate", "workers", "created", "changed"]
State = Literal["running", "paused", "halted", "finished", "unreadable"]
COLUMNS: tuple[Column, ...] = get_args(Column)
STATES: tuple[State, ...] = get_args(State)
DOWN_FIRST = ("progress", "workers", "created", "changed")
"""Columns that are sorted from the largest down, unless one says otherwise."""

Key = float | str | None


@dataclass(frozen=True)
class Choice:
    """What somebody wants to see. `text` is looked for in names, `tag` in `key=value`."""

    text: str = ""
    state: str = ""
    tag: str = ""
    sort: Column = "changed"
    down: bool = True
    page: int = 1

    @property
    def narrows(self) -> bool:
        """Whether it leaves studies out."""
        return bool(self.text or self.state or self.tag)

    @property
    def asks_rows(self) -> bool:
        """Whether it takes more than names and times to tell which studies come first."""
        return bool(self.state or self.tag) or self.sort not in ("name", "created", "changed")

    def wants(self, row: StudyRow) -> bool:
        """Whether the row is to be shown."""
        if self.state and row.state != self.state:
            return False
        wanted = self.tag.casefold()
        return not wanted or any(wanted in f"{key}={value}".casefold() for key, value in row.tags)


_KEYS: dict[Column, Callable[[StudyRow], Key]] = {
    "name": lambda row: row.name.casefold(),
    "state": lambda row: STATES.index(row.state),
    "progress": lambda row: None if row.progress is None else row.progress.share,
    "best": lambda row: row.best,
    "rate": lambda row: row.rate,
    "workers": lambda row: row.workers,
    "created": lambda row: row.created_at,
    "changed": lambda row: row.updated_at,
}


def in_order(rows: Iterable[StudyRow], choice: Choice) -> list[StudyRow]:
    """Rows by the chosen column, alike ones by name; what has nothing there comes last, up or down."""
    key = _KEYS[choice.sort]
    by_name = sorted(rows, key=lambda row: (row.name.casefold(), row.name))
    known = [row for row in by_name if key(row) is not None]
    known.sort(key=key, reverse=choice.down)  # type: ignore[arg-type]
    return known + [row for row in by_name if key(row) is None]
