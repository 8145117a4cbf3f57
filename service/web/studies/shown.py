"""A row of the list in words, as its template shows it."""

from dataclasses import dataclass
from datetime import UTC, datetime

from lrtune.service.sentences.listing import age, progress, recorded
from lrtune.service.sentences.study import state_word
from lrtune.service.sentences.words import between, loss, rate
from lrtune.service.tuning.listing.row import StudyRow
from lrtune.service.web.studies.sparkline import steps_path


@dataclass(frozen=True, slots=True)
class Moment:
    """A time: for machines, and for people."""

    iso: str
    ago: str


@dataclass(frozen=True, slots=True)
class ShownRow:
    """What stands in the cells; "" where there is nothing."""

    name: str
    state: str
    word: str
    """The state as it is shown."""
    why: str
    description: str
    tags: tuple[tuple[str, str], ...]
    progress: str
    recorded: str
    permille: int | None
    """Of the budget, for the bar."""
    workers: int
    metric: str
    best: str
    spark: str
    rate: str
    interval: str
    is_guess: bool
    created: Moment | None
    changed: Moment | None


def shown_row(row: StudyRow, now: float) -> ShownRow:
    """The row at a time, in seconds since the epoch."""
    made, share = row.progress, None if row.progress is None else row.progress.share
    return ShownRow(
        name=row.name,
        state=row.state,
        word=state_word(row.state, row.workers),
        why=row.why,
        description=row.description,
        tags=row.tags,
        progress="" if made is None else progress(made.done, made.of, made.unit),
        recorded="" if made is None or made.of is None else recorded(made.recorded),
        permille=None if share is None else round(1000 * share),
        workers=row.workers,
        metric=row.metric,
        best="" if row.best is None else loss(row.best),
        spark=steps_path(row.best_so_far),
        rate="" if row.rate is None else rate(row.rate),
        interval="" if row.interval is None else " to ".join(between(*row.interval)),
        is_guess=row.is_guess,
        created=moment(row.created_at, now),
        changed=moment(row.updated_at, now),
    )


def moment(at: float | None, now: float) -> Moment | None:
    """A time in seconds since the epoch."""
    if at is None:
        return None
    return Moment(datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds"), age(now - at))
