"""The curves of many trials on the wire."""

from lrtune.service.wire.base import Loss, Page, Reply


class CurvePart(Reply):
    """What a trial reported, by step; of a long curve a part, the next of which comes right after it."""

    trial: int
    steps: list[int]
    values: list[Loss]
    """One for each of the steps."""


class CurvePage(Page[CurvePart]):
    """A page of curves, by trial."""
