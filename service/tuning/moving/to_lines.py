"""What is exported of a study, as JSON: all that is known, but for what opens a lease."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from optuna.distributions import BaseDistribution

from lrtune.service.storage.memory.range_tests import StoredRangeTest
from lrtune.service.storage.memory.study import StudyMirror, TrialMirror, Work
from lrtune.service.storage.memory.trial import WORK_COLUMNS
from lrtune.service.storage.schema.attributes import DELETED_ATTR, GENERATION_ATTR, ID_ATTR, IMPORT_ATTR
from lrtune.service.storage.schema.codecs import show_distribution
from lrtune.service.tuning.state.space.distributions import study_distributions
from lrtune.service.tuning.views.curves import in_order, shown_value
from lrtune.service.tuning.views.times import as_datetime
from lrtune.service.wire.base import show_loss
from lrtune.service.wire.range_tests import RangeTestCurve
from lrtune.service.wire.study_lines import FORMAT, POINTS_A_LINE

NOT_MOVED = ("lease", "request_id")
"""Of `Work`: whoever knows the one may write to the trial, and whoever knows the other gets the first."""
_PICKLED = re.compile(r"[a-z]*cma[a-z]*:")


def is_moved(key: str) -> bool:
    """Whether an attribute of that name goes with a study. What Optuna's CMA-ES keeps is pickled, and code for whoever
    reads it: it stays behind. A study's id is drawn anew where it is imported."""
    return key not in (DELETED_ATTR, ID_ATTR, IMPORT_ATTR) and (key == GENERATION_ATTR or not _PICKLED.match(key))


def as_line(told: Mapping[str, Any]) -> bytes:
    """A line of the file."""
    return json.dumps(told, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def study_line(study: StudyMirror) -> dict[str, Any]:
    """The first line. Under the engine's lock."""
    assert study.spec is not None
    return {
        "kind": "study",
        "format": FORMAT,
        "lrtune": _version(),
        "name": study.name,
        "created_at": _time(study.created_at),
        "spec": study.spec.model_dump(mode="json", exclude={"name"}),
        "max_trials": study.max_trials,
        "max_total_steps": study.max_total_steps,
        "paused": study.paused,
        "stopped": study.stopped,
        "description": study.description,
        "user_attrs": _attributes(study.user_attrs),
        "system_attrs": _attributes(study.system_attrs),
    }


@dataclass(frozen=True)
class TrialSeen:
    """A trial as it was; of its curve, the steps that it had. What was reported at a step does not change."""

    trial_id: int
    head: dict[str, Any]
    steps: list[int]
    curve: Mapping[int, float]

    @property
    def was_leased_again(self) -> bool:
        """Whether reports of it may have been put away: those of the first lease are, once there is a second."""
        work = self.head["work"]
        return work is not None and work["leases"] > 1

    def lines(self) -> Iterator[bytes]:
        """Its lines. In any thread."""
        steps, values = in_order(self.steps, self.curve)
        parts = list(parts_of(steps.tolist(), values.tolist()))
        yield as_line(self.head | {"curve": parts[0] if parts else {"steps": [], "values": []}})
        for part in parts[1:]:
            yield as_line({"kind": "curve", "trial": self.head["number"], **part})


def see(study: StudyMirror, trial: TrialMirror) -> TrialSeen:
    """What is exported of a trial. Under the engine's lock."""
    known = study_distributions(study)
    head = {
        "kind": "trial",
        "number": trial.number,
        "state": trial.outcome,
        "optuna_state": trial.state.name,
        "params": trial.params,
        "distributions": {
            name: show_distribution(one) for name, one in trial.distributions.items() if not _same(one, known.get(name))
        },
        "values": None if trial.values is None else [show_loss(value) for value in trial.values],
        "user_attrs": _attributes(trial.user_attrs),
        "system_attrs": _attributes(trial.system_attrs),
        "started_at": _time(trial.started_at),
        "finished_at": _time(trial.finished_at),
        "work": None if trial.work is None else _work(trial.work),
    }
    return TrialSeen(trial.trial_id, head, list(trial.intermediate), trial.intermediate)


def superseded_lines(number: int, by_lease: Mapping[int, Sequence[tuple[int, float]]]) -> Iterator[bytes]:
    """Of a trial, the reports that are no part of its curve any more, by the number of their lease."""
    for lease, points in by_lease.items():
        steps, values = [step for step, _ in points], [value for _, value in points]
        for part in parts_of(steps, values):
            yield as_line({"kind": "superseded", "trial": number, "lease": lease, **part})


def range_test_line(test: StoredRangeTest, curve: RangeTestCurve) -> bytes:
    """The line of a range test."""
    told = {"kind": "range_test", "number": test.shown.number, "request_id": test.request_id, "digest": test.digest}
    return as_line(
        told | {"findings": test.shown.model_dump(mode="json"), "curve": curve.model_dump(mode="json")},
    )


def parts_of(steps: list[int], values: list[float]) -> Iterator[dict[str, Any]]:
    """Points as JSON, as many at a time as a line has."""
    for start in range(0, len(steps), POINTS_A_LINE):
        some = slice(start, start + POINTS_A_LINE)
        yield {"steps": steps[some], "values": [shown_value(value) for value in values[some]]}


def _same(one: BaseDistribution, other: BaseDistribution | None) -> bool:
    return one is other or (other is not None and show_distribution(one) == show_distribution(other))


def _work(work: Work) -> dict[str, Any]:
    return {name: getattr(work, name) for name in WORK_COLUMNS if name not in NOT_MOVED}


def _attributes(attrs: Mapping[str, Any]) -> list[tuple[str, str]]:
    """In the order of their names: how databases give them back differs."""
    return [(key, json.dumps(attrs[key])) for key in sorted(attrs) if is_moved(key)]


def _time(epoch: float | None) -> str | None:
    at = as_datetime(epoch)
    return None if at is None else at.isoformat()


def _version() -> str:
    try:
        return version("lrtune")
    except PackageNotFoundError:
        return "0"
