"""Trials and curves of a study, read a page at a time: each request takes a bounded time, whatever their number."""

from collections.abc import Iterator

from lrtune.service.wire.curves import CurvePage, CurvePart
from lrtune.service.wire.trials import Trial, TrialPage
from lrtune.trainers.client.http.connection import Connection, study_path

_PAGE = 1000


def read_trials(connection: Connection, name: str) -> Iterator[Trial]:
    """All trials, by number."""
    return connection.items(TrialPage, f"{study_path(name)}/trials", limit=_PAGE)


def read_curves(connection: Connection, name: str) -> Iterator[CurvePart]:
    """What trials reported, by number and step; a long curve comes in several parts."""
    return connection.items(CurvePage, f"{study_path(name)}/curves", limit=_PAGE)
