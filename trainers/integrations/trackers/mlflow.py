"""MLflow: a run a trial, in an experiment that is the study's, or yours."""

import math
import os
import posixpath
import re
import sys
import time
from collections.abc import Sequence
from typing import Any

from lrtune.service.wire.studies import Suggestion
from lrtune.trainers.errors import LrtuneError
from lrtune.trainers.integrations.extras import absent
from lrtune.trainers.integrations.trackers.servers import check_answers
from lrtune.trainers.integrations.trackers.texts import fitted, fitted_name, run_name, seconds, tags_of
from lrtune.trainers.tracking.tracker import Ending, Point, TrackedStudy, TrackedTrial

if "mlflow" not in sys.modules:
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # What it tells its makers; read when it is imported.
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")  # At the end of each run.
try:
    import mlflow
    from mlflow.entities import Metric, Param, RunTag
except ImportError as error:
    raise absent("mlflow", error) from error

_REFUSED = re.compile(r"[^\w\-. :/]", re.ASCII)
_LONGEST_NAME, _LONGEST_PARAM, _LONGEST_TAG = 250, 500, 4900
"""What every server since MLflow 1.28 takes."""
_ROOM = 40
"""Of a name, for what is put before or behind it."""
_MOST_POINTS = 900
"""In one request, which takes 1000 items."""
_KEY, _STATE = "lrtune.key", "lrtune.state"
_STATUS = {"complete": "FINISHED", "pruned": "KILLED", "diverged": "KILLED", "failed": "FAILED"}


class Tracker:
    """Trials as runs of MLflow: `uri` is its server or database, else what MLFLOW_TRACKING_URI says, else MLflow's own.

    `experiment` is the name of one; else each study has one of its own, by its name. A run has the trial's parameters,
    its reports under the name of the study's metric, its final value as `final_…`, and tags `lrtune.*`. Pruned and
    diverged trials are KILLED, failed ones FAILED; a paused one is SCHEDULED, and goes on as the same run. The
    suggestion is a tag of the experiment.

    Raises LrtuneError where MLflow takes no such `uri`. A server need not answer: it is asked when trials train.
    """

    name = "mlflow"

    def __init__(self, uri: str | None = None, *, experiment: str | None = None) -> None:
        self.place = uri or mlflow.get_tracking_uri()
        self.spec = f"mlflow:{self.place}" + (f"#{experiment}" if experiment else "")
        self._experiment = experiment
        self._experiments: dict[str, str] = {}
        try:
            self._client: Any = mlflow.MlflowClient(tracking_uri=self.place)
        except Exception as error:
            why = " ".join(str(error).split())
            raise LrtuneError(
                f"MLflow cannot use {self.place!r}: give http://… of a server, or sqlite:///… of a file ({why})"
            ) from error

    def __repr__(self) -> str:
        return f"lrtune.mlflow.Tracker({self.place!r})"

    def open(self, trial: TrackedTrial) -> "_Run":
        """The run with this trial's key, else a new one."""
        check_answers(self.place)
        experiment = self._experiment_of(trial.study)
        found = self._client.search_runs([experiment], f"tags.`{_KEY}` = '{trial.key}'", order_by=["start_time"])
        names = fitted(trial.params, _plain_name)
        params = [Param(names[name], str(value)[:_LONGEST_PARAM]) for name, value in trial.params.items()]
        tags = [RunTag(name, value[:_LONGEST_TAG]) for name, value in tags_of(trial).items()]
        if not found:
            made = self._client.create_run(
                experiment,
                start_time=_milliseconds(seconds(trial.started_at)),
                tags={_KEY: trial.key, "mlflow.source.name": "lrtune", **_tags(trial.study)},
                run_name=run_name(trial),
            )
            self._client.log_batch(made.info.run_id, params=params, tags=tags)
            return _Run(self._client, self.place, made.info.run_id, _metric(trial), {}, None)
        run = found[0]
        missing = [param for param in params if param.key not in run.data.params]
        self._client.log_batch(run.info.run_id, params=missing, tags=tags)
        history = self._client.get_metric_history(run.info.run_id, _metric(trial))
        known = {one.step: _value(one.value) for one in sorted(history, key=lambda one: one.timestamp)}
        state = run.data.tags.get(_STATE) or None
        return _Run(self._client, self.place, run.info.run_id, _metric(trial), known, state)

    def suggested(self, study: TrackedStudy, suggestion: Suggestion) -> None:
        """Tags of the experiment; with the study's name in theirs, where the experiment is one for several."""
        experiment = self._experiment_of(study)
        more = "" if self._experiment is None else f".{_plain_name(study.name)}"
        told = {"suggestion": suggestion.explanation, "learning_rate": suggestion.learning_rate}
        for name, value in told.items():
            if value is not None:
                self._client.set_experiment_tag(experiment, f"lrtune.{name}{more}", str(value)[:_LONGEST_TAG])

    def _experiment_of(self, study: TrackedStudy) -> str:
        name = self._experiment or study.name
        if name not in self._experiments:
            self._experiments[name] = self._found_or_made(name)
        return self._experiments[name]

    def _found_or_made(self, name: str) -> str:
        found = self._client.get_experiment_by_name(name)
        if found is None:
            try:
                return str(self._client.create_experiment(name))
            except mlflow.MlflowException:  # Another worker may have made it just now.
                found = self._client.get_experiment_by_name(name)
                if found is None:
                    raise
        if found.lifecycle_stage != "active":
            raise LrtuneError(f"experiment {name} was deleted in MLflow: restore it there, or name another")
        return str(found.experiment_id)


class _Run:
    def __init__(
        self, client: Any, place: str, run_id: str, metric: str, known: dict[int, float], state: str | None
    ) -> None:
        self._client = client
        self._place = place
        self._id = run_id
        self._metric = metric
        self.known = known
        self.state = state
        self._goes_on = False

    def rewind(self, step: int) -> None:
        """MLflow forgets nothing: a step that is trained again is there twice, and the later value counts."""

    def report(self, points: Sequence[Point]) -> None:
        check_answers(self._place)
        if not self._goes_on:
            self._client.update_run(self._id, status="RUNNING")
            self._client.set_tag(self._id, _STATE, "")
            self.state, self._goes_on = None, True
        for start in range(0, len(points), _MOST_POINTS):
            part = points[start : start + _MOST_POINTS]
            self._client.log_batch(self._id, metrics=[self._as_metric(point) for point in part])

    def _as_metric(self, point: Point) -> Any:
        """Of a step that is there already, the value with the latest time counts."""
        at = time.time() if point.step in self.known else point.at
        return Metric(self._metric, point.value, _milliseconds(at), point.step)

    def end(self, ending: Ending | None) -> None:
        check_answers(self._place)
        self._goes_on = False
        if ending is None:
            self._client.update_run(self._id, status="SCHEDULED")
            return
        tags = {"lrtune.error": ending.error, "lrtune.why": ending.why}
        told = [RunTag(name, text[-_LONGEST_TAG:]) for name, text in tags.items() if text]
        at = _milliseconds(ending.finished_at)
        final = [] if ending.value is None else [Metric(f"final_{self._metric}", ending.value, at, 0)]
        self._client.log_batch(self._id, metrics=final, tags=told)
        self._client.set_terminated(self._id, status=_STATUS[ending.state], end_time=at)
        self._client.set_tag(self._id, _STATE, ending.state)  # Last: without it all of this is done again.
        self.state = ending.state

    def close(self) -> None:
        """Nothing is open."""


def _metric(trial: TrackedTrial) -> str:
    return _plain_name(trial.study.metric)


def _plain_name(name: str) -> str:
    """As MLflow takes it: few characters, and no more of a path than folders."""
    plain = fitted_name(name, _REFUSED, _LONGEST_NAME - _ROOM)
    return plain if plain == posixpath.normpath(plain) and plain[0] not in "./" else re.sub(r"[/.]", "_", plain)


def _tags(study: TrackedStudy) -> dict[str, str]:
    names = fitted(study.tags, _plain_name)
    return {names[name]: value[:_LONGEST_TAG] for name, value in study.tags.items()}


def _value(value: float) -> float:
    """MLflow keeps an infinite value as the largest finite one."""
    return value if abs(value) < sys.float_info.max or math.isnan(value) else math.copysign(math.inf, value)


def _milliseconds(at: float | None) -> int:
    return int((time.time() if at is None else at) * 1000)
