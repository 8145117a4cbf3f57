"""What is taken in of a file's lines. Whatever makes no sense is an InvalidField, and names its place in the batch."""

import json
import math
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.trial import TrialState
from pydantic import ValidationError

from lrtune.service.storage.memory.range_tests import StoredRangeTest
from lrtune.service.storage.memory.study import StudyMirror, TrialMirror, Work
from lrtune.service.storage.schema.codecs import read_distribution
from lrtune.service.tuning.errors import InvalidField
from lrtune.service.tuning.moving.to_lines import is_moved
from lrtune.service.tuning.state.space.distributions import study_distributions
from lrtune.service.wire import messages
from lrtune.service.wire.base import check_study_name
from lrtune.service.wire.range_tests import KeptRangeTest, RangeTestCurve
from lrtune.service.wire.search_space import STORED, check_size
from lrtune.service.wire.studies import StudySpec
from lrtune.service.wire.study_lines import FORMAT, Attributes, Points, RangeTestLine, StudyLine, TrialLine, WorkLine

Place = tuple[str | int, ...]
"""Of a line, in the batch."""


def spec_of(name: str, line: StudyLine, place: Place) -> StudySpec:
    """The spec of a study that is to have that name. Raises InvalidField, also for a file of another format."""
    major = FORMAT.partition(".")[0]
    if line.format.partition(".")[0] != major:
        raise InvalidField(
            (*place, "format"),
            f"is {line.format}, written by lrtune {line.lrtune}, and this service reads {major}.x: "
            "import it into a service as new as that",
        )
    if "name" in line.spec:
        raise InvalidField((*place, "spec", "name"), "stands beside the spec, not in it")
    try:
        check_study_name(name)
        spec = StudySpec.model_validate({"name": name, **line.spec}, context={STORED: True})
        check_size(spec.search_space)
    except ValidationError as error:
        raise _invalid((*place, "spec"), error) from None
    except ValueError as error:
        raise InvalidField((*place, "spec"), str(error)) from None
    return spec


def attributes_of(attrs: Attributes, place: Place) -> dict[str, Any]:
    """Optuna's attributes of their pairs. Raises InvalidField."""
    found = {}
    for index, (key, text) in enumerate(attrs):
        if not is_moved(key):
            raise InvalidField((*place, index), f"{key!r} is never taken in: leave it out")
        try:
            found[key] = json.loads(text)
        except (ValueError, RecursionError):
            raise InvalidField((*place, index), f"the value of {key!r} is not JSON") from None
    return found


def trial_of(study: StudyMirror, line: TrialLine, place: Place) -> TrialMirror:
    """The trial, but for its id: with the beginning of its curve, on no lease. Raises InvalidField."""
    trial = TrialMirror(0, line.number, TrialState[line.optuna_state])
    trial.distributions = _distributions(study, line, place)
    trial.params = {name: line.params[name] for name in trial.distributions}
    trial.values = _values(study, line, place)
    trial.intermediate = points_of(line.curve)
    trial.measure_curve()
    trial.user_attrs = attributes_of(line.user_attrs, (*place, "user_attrs"))
    trial.system_attrs = attributes_of(line.system_attrs, (*place, "system_attrs"))
    trial.started_at = None if line.started_at is None else line.started_at.timestamp()
    trial.finished_at = None if line.finished_at is None else line.finished_at.timestamp()
    trial.work = None if line.work is None else _work(line.work)
    if trial.outcome != line.state:
        raise InvalidField(
            (*place, "state"), f"is {line.state!r}, and by optuna_state and attributes it is {trial.outcome!r}"
        )
    return trial


def points_of(points: Points) -> dict[int, float]:
    """A curve, or a part of one."""
    return dict(zip(points.steps, points.values, strict=True))


def range_test_of(line: RangeTestLine, place: Place) -> tuple[StoredRangeTest, RangeTestCurve]:
    """A range test and its curve. Raises InvalidField."""
    shown = KeptRangeTest.model_validate(line.findings.model_dump())
    if shown.number != line.number:
        raise InvalidField((*place, "findings", "number"), f"must be {line.number}, as the line says")
    curve = RangeTestCurve.model_validate(line.curve.model_dump())
    return StoredRangeTest(shown, line.request_id, line.digest), curve


def _invalid(place: Place, error: ValidationError) -> InvalidField:
    """The first thing that is wrong."""
    first = error.errors(include_url=False, include_input=False)[0]
    unknown = (
        "there is no such field; the file is newer than this service" if first["type"] == "extra_forbidden" else ""
    )
    return InvalidField((*place, *messages.place(first["loc"])), unknown or messages.said(first))


def _distributions(study: StudyMirror, line: TrialLine, place: Place) -> dict[str, BaseDistribution]:
    known = study_distributions(study)
    found: dict[str, BaseDistribution] = {}
    for name, value in line.params.items():
        at = (*place, "params", name)
        text = line.distributions.get(name)
        if text is None and name not in known:
            raise InvalidField(at, "is no parameter of the study, and has no distribution of its own")
        try:
            distribution = known[name] if text is None else read_distribution(text)
        except (LookupError, ValueError, TypeError, AttributeError):
            raise InvalidField((*place, "distributions", name), "is no distribution of Optuna's") from None
        try:
            finite = math.isfinite(distribution.to_internal_repr(value))
        except (ValueError, TypeError, OverflowError):
            finite = False
        if not finite:
            raise InvalidField(at, f"{value!r} is no value of {distribution}")
        found[name] = distribution
    for name in line.distributions.keys() - found.keys():
        raise InvalidField((*place, "distributions", name), "is of no parameter that the trial has")
    return found


def _values(study: StudyMirror, line: TrialLine, place: Place) -> list[float] | None:
    values = line.values
    at = (*place, "values")
    if values is None:
        if line.optuna_state == "COMPLETE":
            raise InvalidField(at, "is missing; a complete trial has one")
        return None
    if len(values) != len(study.directions) or any(map(math.isnan, values)):
        raise InvalidField(at, f"must be {len(study.directions)} numbers, none of which is nan")
    return list(values)


def _work(line: WorkLine) -> Work:
    told = {name: getattr(line, name) for name in WorkLine.model_fields if name != "leased"}
    return Work(**told)
