"""Whether a study's sampler does its work: what was drawn otherwise since the study is in memory, and why."""

from dataclasses import dataclass

from lrtune.service.storage.memory.study import StudyMirror


@dataclass
class SamplerTrouble:
    """Derived from a study's mirror, and kept with it."""

    draws: int = 0
    """That the sampler failed, or took too long for."""
    reason: str | None = None
    """Of the last of them."""
    at: float | None = None
    """When that was, in seconds since the epoch."""
    trial: int | None = None
    """The trial that was drawn otherwise."""


def note_trouble(study: StudyMirror, reason: str, at: float, trial: int) -> None:
    """A trial was not drawn by the study's sampler. Under the engine's lock."""
    trouble = trouble_of(study)
    trouble.draws += 1
    trouble.reason, trouble.at, trouble.trial = reason, at, trial


def trouble_of(study: StudyMirror) -> SamplerTrouble:
    """What is known of the study's sampler. Under the engine's lock."""
    return study.derived(SamplerTrouble)
