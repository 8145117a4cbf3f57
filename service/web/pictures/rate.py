"""Pictures of the learning rate of a study: what is read of it, under the lock, and drawn in a thread."""

from collections.abc import Mapping

from fastapi import Request

from lrtune.service.api.container import Container
from lrtune.service.pictures.parts import Picture
from lrtune.service.pictures.rate.range_test import range_test_picture
from lrtune.service.pictures.rate.response import response_picture
from lrtune.service.pictures.rate.schedules import schedules_picture
from lrtune.service.rates.range_test.analysis import analyse
from lrtune.service.rates.schedules import SchedulePreview, preview, read_schedule
from lrtune.service.sentences import pictures as words
from lrtune.service.storage.memory.study import StudyMirror
from lrtune.service.tuning.errors import InvalidField
from lrtune.service.tuning.suggesting.response import response
from lrtune.service.tuning.suggesting.suggestion import latest, prepare
from lrtune.service.tuning.views.trials import reason_of
from lrtune.service.web.pictures.asked import number_of
from lrtune.service.web.pictures.space import parameters_of
from lrtune.service.web.pictures.split import split_by
from lrtune.service.web.shown_suggestion import hold, shown_suggestion
from lrtune.service.wire.range_tests import KeptRangeTestWithCurve
from lrtune.service.wire.schedules import ScheduleError
from lrtune.service.wire.search_space import CategoricalParameter

_POINTS = 401
"""Of a schedule."""
_WITHOUT_MORE = ("constant", "cosine", "linear", "one_cycle", "wsd")
"""Schedules whose parameters may all be left out."""
_MOST_SCHEDULES = 20
_STEPS = 1000
"""Of a training whose length the study does not say."""


async def response_of(parts: Container, study: StudyMirror, request: Request) -> Picture:
    """Loss over learning rate, with the latest range test; of a study without one, over each other number."""
    await hold(parts, study)
    with parts.engine.lock:
        suggestion = shown_suggestion(study)
    found = await response(parts.engine, parts.studies, study.name, suggestion)
    if found.parameter is None:
        return await parameters_of(parts, study, request)
    with parts.engine.lock:
        test = study.range_tests[-1].shown if study.range_tests else None
        reasons = {point.trial: reason_of(study.trials[point.trial]) for point in found.points}
    optimizer = None if test is None else test.optimizer
    shown = split_by(found, request.query_params.get("by"))
    return await parts.slices.in_thread(
        lambda: response_picture(shown, test=test, optimizer=optimizer, reasons=reasons)
    )


async def range_test_of(parts: Container, study: StudyMirror, request: Request) -> Picture:
    """A range test, `?number=`; without a number the latest. Raises RangeTestNotFound, InvalidField."""
    asked = "number" in request.query_params
    number = number_of(request, "a range test") if asked else max(len(study.range_tests) - 1, 0)
    test = await parts.range_tests.get(study.name, number)
    return await parts.slices.in_thread(lambda: _range_test(test))


def _range_test(test: KeptRangeTestWithCurve) -> Picture:
    rates, smoothing = test.learning_rates, test.smoothing
    ignored = [analyse(rates[: len(losses)], losses, smoothing=smoothing).ignored for losses in test.losses]
    title = words.range_test(test.number, test.optimizer, test.batch_size)
    return range_test_picture(rates, test.losses, test, dict(test.suggestions), ignored=ignored, title=title)


async def schedules_of(parts: Container, study: StudyMirror, request: Request) -> Picture:
    """The suggested rate over a full training, a line a schedule: each `?schedule=` by name, else those that the study
    chooses among, else all that decay. `?log=1` draws it on a logarithmic axis. Raises InvalidField."""
    await prepare(parts.engine, study)
    with parts.engine.lock:
        assert study.spec is not None
        spec, rate = study.spec, latest(study).learning_rate
    chosen = spec.search_space.get("schedule")
    own = [str(one) for one in chosen.choices] if isinstance(chosen, CategoricalParameter) else []
    asked = request.query_params.getlist("schedule")[:_MOST_SCHEDULES]
    names = asked or [name for name in own if name in _WITHOUT_MORE] or list(_WITHOUT_MORE)
    steps, log = max(spec.max_steps or _STEPS, 2), request.query_params.get("log") == "1"
    base = 1.0 if rate is None else rate
    curves = await parts.slices.in_thread(lambda: _previews(names, base, steps))
    return schedules_picture(curves, title=words.scheduled(base, steps, suggested=rate is not None), log=log)


def _previews(names: list[str], rate: float, steps: int) -> Mapping[str, SchedulePreview]:
    points = min(_POINTS, steps)
    try:
        return {
            name: preview(read_schedule({"name": name}), base_learning_rate=rate, total_steps=steps, points=points)
            for name in names
        }
    except ScheduleError as error:
        raise InvalidField(("schedule",), error.message) from None
