"""Health cards on the wire: one question about a study each, and what is measured of it."""

from typing import Literal

from pydantic import Field

from lrtune.service.wire.base import Reply

HealthState = Literal["good", "look", "bad", "unknown"]


class HealthCard(Reply):
    """One question about a study, and its answer."""

    question: str
    state: HealthState
    """`good`: measured, and as it should be; `look`: worth a look; `bad`: something is wrong; `unknown`: too little is
    known to tell, and `says` says what is missing."""
    says: str
    """The answer, with the numbers that it rests on."""
    remedy: str = ""
    """What to do about it: a command or a setting; empty where there is nothing to do."""
    trials: list[int] = Field(default_factory=list)
    """Numbers of trials that show it, at most 10."""


class StudyHealth(Reply):
    """The health cards of a study."""

    study: str
    version: int
    """The version of the study that they are of; in a busy study that of some seconds ago."""
    cards: list[HealthCard]
