"""A study whose trials are mirrored to trackers while they train."""

from collections.abc import Iterator
from contextlib import contextmanager

from lrtune.service.wire.studies import Study, Suggestion
from lrtune.trainers.client.http.connection import Connection, study_path
from lrtune.trainers.client.http.retry import Retry
from lrtune.trainers.errors import LrtuneError
from lrtune.trainers.tracking.tracker import TrackedStudy, Tracker
from lrtune.trainers.tracking.tracking import FLUSH_SECONDS, Tracking


def tracked_study(spec: Study) -> TrackedStudy:
    """A study as trackers are told of it."""
    return TrackedStudy(spec.name, spec.created_at, spec.metric, dict(spec.tags), spec.id)


class StudyTracking:
    """Of a `StudyHandle`."""

    _connection: Connection
    name: str
    spec: Study
    _tracking: Tracking | None = None

    @contextmanager
    def tracking(self, *trackers: Tracker, flush_seconds: float = FLUSH_SECONDS) -> Iterator[None]:
        """Within `with`, the trials that this handle leases are mirrored to trackers, a run each, as they train:
        `with study.tracking(lrtune.mlflow.Tracker()):`.

        No training waits for a tracker, nor fails for it: a thread each writes, tries again what fails, and says in the
        log what was lost. The end of the block waits for them, for `flush_seconds` at the most.

        Raises LrtuneError for what is no tracker, for one that is given twice, and inside another such block.
        """
        if self._tracking is not None:
            raise LrtuneError(f"study {self.name} is tracked already: give tracking() all trackers at once")
        tracking = Tracking(
            tracked_study(self.spec), trackers, flush_seconds=flush_seconds, suggestion=self._suggestion_at_once
        )
        with tracking:
            self._tracking = tracking
            try:
                yield
            finally:
                self._tracking = None

    def _suggestion_at_once(self) -> Suggestion | None:
        """For trackers, which can do without it."""
        path = f"{study_path(self.name)}/suggestion"
        try:
            return self._connection.get(Suggestion, path, timeout_seconds=FLUSH_SECONDS, retry=Retry(total_seconds=0.0))
        except LrtuneError:
            return None
