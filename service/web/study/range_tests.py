"""The part `range_tests`: those that are kept with the study."""

from dataclasses import dataclass

from lrtune.service.access.principal import Principal
from lrtune.service.api.container import Container
from lrtune.service.sentences.words import between, rate
from lrtune.service.storage.memory.study import StudyMirror
from lrtune.service.web.study.told import Told
from lrtune.service.wire.range_tests import KeptRangeTest

_SHOWN = 10


@dataclass(frozen=True)
class Row:
    """A range test in the table."""

    number: int
    recommended: str
    bounds: str
    diverged_at: str
    batch_size: int | None
    optimizer: str | None


async def tell_range_tests(parts: Container, study: StudyMirror, _caller: Principal) -> Told:
    """What the template `range_tests` is told: the latest first."""
    await parts.studies.settled(study)
    with parts.engine.lock:
        kept = [test.shown for test in study.range_tests[: -_SHOWN - 1 : -1]]
        more = len(study.range_tests) - len(kept)
    return {"tests": [_row(test) for test in kept], "more": more}


def _row(test: KeptRangeTest) -> Row:
    return Row(
        number=test.number,
        recommended="no signal" if test.recommended is None else rate(test.recommended),
        bounds="–" if test.bounds is None else " – ".join(between(*test.bounds)),
        diverged_at="–" if test.diverged_at is None else rate(test.diverged_at),
        batch_size=test.batch_size,
        optimizer=test.optimizer,
    )
