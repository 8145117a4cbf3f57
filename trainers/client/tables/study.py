"""The tables of a study, for scripts and notebooks."""

from typing import TYPE_CHECKING

from lrtune.service.wire.studies import Study
from lrtune.trainers.client.http.connection import Connection
from lrtune.trainers.client.tables.frames import curves_frame, needed, trials_frame
from lrtune.trainers.client.tables.reading import read_curves, read_trials

if TYPE_CHECKING:
    from pandas import DataFrame


class StudyTables:
    """All trials of a study, and all that they reported, as tables of pandas.

    They need the extra `lrtune[dataframe]`; without it they raise ImportError. Each reads a page at a time, and raises
    ServiceError, ServiceUnreachable.
    """

    name: str
    spec: Study
    _connection: Connection

    def trials_dataframe(self) -> "DataFrame":
        """A row a trial, with the columns of `optuna.Study.trials_dataframe`: number, value, datetime_start,
        datetime_complete, duration, a `params_NAME` each, state; then what lrtune knows besides.

        Times are in UTC; a state is one of the API's words, `diverged` among them.
        """
        needed()
        return trials_frame(self.spec.search_space, read_trials(self._connection, self.name))

    def curves_dataframe(self) -> "DataFrame":
        """A row a report: trial, step, value; by trial and step. Of a trial that was trained again from a checkpoint
        this is the curve as it counts."""
        needed()
        return curves_frame(read_curves(self._connection, self.name))
