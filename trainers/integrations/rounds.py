"""The rounds of boosting, reported: what the callbacks for LightGBM and XGBoost share."""

from collections.abc import Mapping

from lrtune.trainers.checks import at_least
from lrtune.trainers.client.leased_trial import LeasedTrial
from lrtune.trainers.errors import InvalidReport
from lrtune.trainers.integrations.directions import require_direction, warn_of_direction
from lrtune.trainers.integrations.reports import Reports, checked_trial

REPORTS = 20
"""Of a training, unless told otherwise: a round of a small model takes less time than a report, some milliseconds."""

Measured = Mapping[tuple[str, str], float]
"""By the names of data set and metric."""


class Rounds:
    """One training of `trial`. A step is a round, from 1.

    `metric` and `data` choose among what is measured; they may be None where there is no choice. `every`: only each
    such round is reported, and the last.
    """

    def __init__(
        self, trial: LeasedTrial, metric: str | None, data: str | None, every: int | None, *, remedy: str
    ) -> None:
        self.trial = checked_trial(trial)
        self._metric = metric
        self._data = data
        self._remedy = remedy
        self._every = max(1, (trial.max_steps or 1) // REPORTS) if every is None else at_least("every", every, 1)
        self._reports = Reports(trial)
        self._values: dict[int, float] = {}

    def begin(self) -> None:
        """Raises TrialNotOpen outside `with trial:`, before anything is trained."""
        self._reports.begin()

    def measured(
        self, step: int, found: Measured, *, last: bool, larger_is_better: Mapping[str, bool] | None = None
    ) -> None:
        """After each round; `larger_is_better` says so of metrics, where the framework knows.

        Raises TrialStopped or LeaseLost where the training is to end; InvalidReport where the study looks for the
        metric's worse values, where what is asked for was not measured, where it is not clear which is meant, and where
        a training was begun again.
        """
        self._reports.begin_step(step, "train once with one TrialCallback, in a trial each")
        (_, metric), value = self._chosen(step, found)
        if not self._values:
            self._check_direction(metric, larger_is_better)
        self._values[step] = value
        if last or step == self.trial.max_steps or step % self._every == 0:
            self._reports.report(step, value)
        if self._reports.ended or self._reports.interrupted():
            self._reports.end()

    def value_of(self, step: int | None) -> float:
        """What was measured after `step`; of None, or a step that was not seen, after the last."""
        return self._values[step if step in self._values else max(self._values)]

    def _check_direction(self, metric: str, larger_is_better: Mapping[str, bool] | None) -> None:
        if larger_is_better is None:
            warn_of_direction(self.trial, metric)
        else:
            require_direction(self.trial, metric, larger_is_better=larger_is_better[metric])

    def _chosen(self, step: int, found: Measured) -> tuple[tuple[str, str], float]:
        chosen = {
            (data, metric): value
            for (data, metric), value in found.items()
            if self._metric in (None, metric) and self._data in (None, data)
        }
        if len(chosen) == 1:
            return next(iter(chosen.items()))
        there = ", ".join(f"data={data!r} metric={metric!r}" for data, metric in chosen or found) or "nothing"
        if chosen:
            raise InvalidReport(f"several metrics were measured in round {step}: tell TrialCallback which, of {there}")
        asked = " ".join(f"{name}={value!r}" for name, value in self._asked().items()) or "metric"
        remedy = "name one of these" if found else self._remedy
        raise InvalidReport(f"no {asked} was measured in round {step}, only {there}: {remedy}")

    def _asked(self) -> dict[str, str]:
        asked = {"data": self._data, "metric": self._metric}
        return {name: value for name, value in asked.items() if value is not None}
