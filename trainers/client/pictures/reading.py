"""What pictures of a study are made of, read from the service."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from lrtune.service.pictures.progress.best import BestSoFar, Reached, Spent
from lrtune.service.wire.range_tests import KeptRangeTestWithCurve, RangeTestPage
from lrtune.service.wire.responses import LearningRateResponse
from lrtune.service.wire.studies import Study, StudyStatus
from lrtune.service.wire.trials import Trial, TrialPage, TrialWithCurve
from lrtune.trainers.client.http.connection import Connection, study_path
from lrtune.trainers.errors import LrtuneError

_PAGE, _SAMPLE = 1000, 300


@dataclass(frozen=True)
class Reading:
    """Reads one study. Every call raises ServiceError, ServiceUnreachable."""

    connection: Connection
    name: str

    def _get(self, model: Any, below: str = "", **query: Any) -> Any:
        return self.connection.get(model, study_path(self.name) + below, **({"query": query} if query else {}))

    def study(self) -> Study:
        """As it is now."""
        found: Study = self._get(Study)
        return found

    def status(self) -> StudyStatus:
        """Where it stands."""
        found: StudyStatus = self._get(StudyStatus, "/status")
        return found

    def response(self) -> LearningRateResponse:
        """Loss over learning rate."""
        found: LearningRateResponse = self._get(LearningRateResponse, "/response")
        return found

    def trial(self, number: int, points: int) -> TrialWithCurve:
        """One trial with what is drawn of its curve."""
        found: TrialWithCurve = self._get(TrialWithCurve, f"/trials/{number}", max_points=points)
        return found

    def trials(self, *, newest: bool = False, **query: Any) -> Iterator[Trial]:
        """All trials, read by the page."""
        more = {"newest": "true"} if newest else {}
        return self.connection.items(TrialPage, f"{study_path(self.name)}/trials", limit=_PAGE, **more, **query)

    def begun(self, most: int) -> list[Trial]:
        """The latest trials that have begun, by number."""
        begun = (trial for trial in self.trials(newest=True) if trial.state != "waiting" or trial.step is not None)
        return list(islice(begun, most))[::-1]

    def range_test(self, number: int | None) -> KeptRangeTestWithCurve:
        """A range test with its curve, the latest without a number. Raises LrtuneError where there is none."""
        if number is None:
            kept = [one.number for one in self.connection.items(RangeTestPage, f"{study_path(self.name)}/range-tests")]
            if not kept:
                raise LrtuneError(f"study {self.name} has no range test: `lrtune find --study {self.name}` makes one")
            number = kept[-1]
        found: KeptRangeTestWithCurve = self._get(KeptRangeTestWithCurve, f"/range-tests/{number}")
        return found

    def best_so_far(self) -> BestSoFar:
        """Its improvements. All trials are read for that, a thousand at a time."""
        study = self.study()
        return best_so_far(study, list(self.trials()))


def best_so_far(study: Study, trials: Sequence[Trial]) -> BestSoFar:
    """The improvements among these trials, in the order in which they ended; short trainings are not compared."""
    maximizes = study.direction == "maximize"
    begun = [trial.started_at for trial in trials if trial.started_at is not None]
    ended = sorted(
        (one for one in trials if one.finished_at is not None), key=lambda one: (one.finished_at, one.number)
    )
    first = min(begun, default=None)
    improvements: list[Reached] = []
    complete: list[Reached] = []
    spent = Spent(0, 0, 0.0)
    for trial in ended:
        assert trial.finished_at is not None
        seconds = 0.0 if first is None else max(0.0, (trial.finished_at - first).total_seconds())
        spent = Spent(spent.ended + 1, spent.steps + (trial.step or 0), seconds)
        short = None not in (study.max_steps, trial.max_steps) and trial.max_steps != study.max_steps
        if trial.state != "complete" or trial.value is None or short:
            continue
        reached = Reached(trial.number, trial.value, spent)
        complete.append(reached)
        best = improvements[-1].value if improvements else None
        if best is None or (trial.value > best if maximizes else trial.value < best):
            improvements.append(reached)
    now = Spent(spent.ended, sum(trial.step or 0 for trial in trials), spent.seconds)
    sample = complete[:: max(1, -(-len(complete) // _SAMPLE))]
    return BestSoFar(study.name, study.measured, maximizes, improvements, sample, len(complete), now)
