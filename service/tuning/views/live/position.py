"""How far a stream of events has come: the `id` of its events, and what `Last-Event-ID` brings back."""

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Position:
    """What of a study was told. It means something while the study stays in memory: `mark` tells."""

    study_id: int
    mark: str
    serial: int
    """Of the event."""
    version: int
    """That of the study."""

    def __str__(self) -> str:
        return f"{self.study_id}.{self.mark}.{self.serial}.{self.version}"

    @classmethod
    def read(cls, text: str | None) -> Self | None:
        """What was written; None where that is something else."""
        parts = (text or "").split(".")
        if len(parts) != 4 or not all(part.isascii() and part.isdigit() and len(part) < 19 for part in _numbers(parts)):
            return None
        return cls(int(parts[0]), parts[1], int(parts[2]), int(parts[3]))


def _numbers(parts: list[str]) -> tuple[str, str, str]:
    return parts[0], parts[2], parts[3]
