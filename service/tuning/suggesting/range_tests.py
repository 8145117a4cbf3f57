"""Range tests: analysed, and kept with a study. What they say as evidence: `range_test_prior`."""

import asyncio
import contextlib
import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime

from lrtune.service.rates.checks import Refused
from lrtune.service.rates.range_test.analysis import RangeTestAnalysis, analyse, combine
from lrtune.service.storage.commit.changes import Change
from lrtune.service.storage.engine.engine import Engine
from lrtune.service.storage.memory.range_tests import StoredRangeTest
from lrtune.service.storage.memory.study import StudyMirror
from lrtune.service.storage.schema.attributes import RANGE_TEST_ATTR
from lrtune.service.storage.sql.reading.range_tests import read_curve
from lrtune.service.tuning.errors import InvalidField, RangeTestNotFound, RequestIdTaken
from lrtune.service.tuning.studies import Studies, of_a_study
from lrtune.service.tuning.suggesting.range_test_prior import optimizer_tested, prior
from lrtune.service.wire.range_tests import (
    MOST_TESTS,
    KeptRangeTest,
    KeptRangeTestWithCurve,
    NewRangeTest,
    RangeTest,
    RangeTestBody,
    RangeTestCurve,
)
from lrtune.service.wire.search_space import CategoricalParameter


@contextlib.contextmanager
def refusals() -> Iterator[None]:
    """What `lrtune.service.rates` refuses, as an InvalidField."""
    try:
        yield
    except Refused as refused:
        name, _, index = refused.field.rstrip("]").partition("[")
        raise InvalidField((name, int(index)) if index else (name,), refused.message) from None


async def analysed(body: RangeTestBody) -> RangeTest:
    """What a range test says; kept nowhere. Off the event loop: up to 0.1 s. Raises InvalidField."""
    return _shown(await asyncio.to_thread(_analyse, body))


class RangeTests:
    """The range tests of the studies. All methods are for the event loop."""

    def __init__(self, engine: Engine, studies: Studies) -> None:
        self._engine = engine
        self._studies = studies

    @of_a_study
    async def keep(self, name: str, body: NewRangeTest) -> tuple[KeptRangeTestWithCurve, bool]:
        """Analyse a range test and keep it with a study; return it, and whether it is new.

        Raises StudyNotFound, InvalidField, RequestIdTaken.
        """
        study = await self._studies.get(name)
        _check_optimizer(study, body.optimizer)
        found = await asyncio.to_thread(_analyse, body)
        curve = RangeTestCurve(learning_rates=body.learning_rates, losses=body.of_seeds, smoothed=list(found.smoothed))
        digest = hashlib.sha256(body.model_dump_json().encode()).hexdigest()
        with self._engine.change(study) as change:
            kept = _made_by(study, body.request_id, digest)
            new = kept is None
            if kept is None:
                if len(study.range_tests) >= MOST_TESTS:
                    raise InvalidField((), f"study {name!r} has {MOST_TESTS} range tests, which is the most it keeps")
                kept = _kept(body, found, len(study.range_tests), change.now)
                change.add_range_test(StoredRangeTest(kept, body.request_id, digest), curve.model_dump_json())
                _note_for_sampler(change)
        await change.on_disk()
        if not new:
            await self._studies.settled(study)
        return KeptRangeTestWithCurve(**kept.model_dump(), **curve.model_dump()), new

    async def page(self, name: str, after: str | None, limit: int) -> tuple[list[KeptRangeTest], str | None]:
        """Up to `limit` range tests by number, those after number `after`, and the number to go on after.

        Raises StudyNotFound, InvalidField.
        """
        study = await self._studies.get(name)
        await self._studies.settled(study)
        if after is not None and not (after.isascii() and after.isdigit() and len(after) < 10):
            raise InvalidField(("cursor",), "is not one of this list; leave it out to begin anew")
        begin = 0 if after is None else int(after) + 1
        with self._engine.lock:
            found = [test.shown for test in study.range_tests[begin : begin + limit]]
            more = len(study.range_tests) > begin + limit
        return found, str(found[-1].number) if more and found else None

    async def get(self, name: str, number: int) -> KeptRangeTestWithCurve:
        """One range test with its curve, which is read from the database. Raises StudyNotFound, RangeTestNotFound."""
        study = await self._studies.get(name)
        await self._studies.settled(study)
        with self._engine.lock:
            count = len(study.range_tests)
            if number >= count:
                raise RangeTestNotFound(name, number, count)
            shown = study.range_tests[number].shown
        curve = await asyncio.to_thread(self._read_curve, study.study_id, number)
        if curve is None:
            raise RangeTestNotFound(name, number, 0)
        return KeptRangeTestWithCurve(**shown.model_dump(), **curve.model_dump())

    def _read_curve(self, study_id: int, number: int) -> RangeTestCurve | None:
        with self._engine.database.read() as connection:
            return read_curve(connection, study_id, number)


def _note_for_sampler(change: Change) -> None:
    """Keep what all range tests recommend where a sampler sees it."""
    tests = [test.shown for test in change.study.range_tests]
    found = prior(tests, optimizer_tested(tests), None)
    if found is not None:
        change.set_study_attr(RANGE_TEST_ATTR, found.rate, system=True)


def _analyse(body: RangeTestBody) -> RangeTestAnalysis:
    with refusals():
        tests = [
            analyse(body.learning_rates[: len(losses)], losses, smoothing=body.smoothing) for losses in body.of_seeds
        ]
    return combine(tests)


def _shown(found: RangeTestAnalysis) -> RangeTest:
    fields = {name: getattr(found, name) for name in RangeTest.model_fields}
    return RangeTest.model_validate(fields)


def _kept(body: NewRangeTest, found: RangeTestAnalysis, number: int, now: float) -> KeptRangeTest:
    fields = _shown(found).model_dump(exclude={"smoothed"})
    fields |= {"number": number, "seeds": len(body.of_seeds), "created_at": datetime.fromtimestamp(now, UTC)}
    fields |= {name: getattr(body, name) for name in ("batch_size", "optimizer", "smoothing")}
    return KeptRangeTest.model_validate(fields)


def _check_optimizer(study: StudyMirror, optimizer: str | None) -> None:
    assert study.spec is not None
    searched = study.spec.search_space.get("optimizer")
    if optimizer is None or not isinstance(searched, CategoricalParameter) or optimizer in searched.choices:
        return
    choices = ", ".join(str(choice) for choice in searched.choices)
    raise InvalidField(("optimizer",), f"{optimizer!r} is none of the study's choices: {choices}")


def _made_by(study: StudyMirror, request_id: str | None, digest: str) -> KeptRangeTest | None:
    """The range test that an earlier copy of the request made. Raises RequestIdTaken."""
    if request_id is None:
        return None
    known = next((test for test in study.range_tests if test.request_id == request_id), None)
    if known is None:
        return None
    if known.digest != digest:
        raise RequestIdTaken(
            f"this request_id made range test {known.shown.number} of study {study.name!r}, from another body; "
            "take a new id for each range test, and repeat it with the same body only"
        )
    return known.shown
