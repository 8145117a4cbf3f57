"""Where a study's trials stand, for who keeps files of theirs."""

import hashlib
from collections.abc import Callable

from lrtune.service.wire import trials as wire
from lrtune.service.wire.studies import Study, StudyStatus
from lrtune.trainers.client.http.connection import Connection, study_path
from lrtune.trainers.client.http.retry import Retry

OVER = frozenset(("complete", "pruned", "diverged", "failed"))
"""States that a trial never leaves: nobody goes on from its checkpoints."""

_LOOK_SECONDS = 5.0
_ONCE = Retry(total_seconds=0.0)


class Standing:
    """Of one study. Each question is asked once, and raises LrtuneError where it cannot be answered at once."""

    def __init__(self, connection: Connection, spec: Study) -> None:
        self._connection = connection
        self._path = study_path(spec.name)
        which = spec.id or f"{spec.name}\n{spec.created_at.timestamp():.6f}"  # Older services give no id.
        self.key = hashlib.sha256(which.encode()).hexdigest()[:16]
        """Says which study this is, also to who meets another of its name, in another service or in this one later, and
        a copy of it: one that was imported, or restored from a backup. It does not tell apart two services on copies of
        one database's files, made by other means: such need folders of their own."""
        self.at_end: dict[str, Callable[[Standing], None]] = {}
        """What is done when the study has nothing left to train, by what it is done to."""

    def is_over(self, number: int) -> bool:
        """Whether the trial has ended for good."""
        trial = self._connection.get(
            wire.TrialWithCurve,
            f"{self._path}/trials/{number}",
            query={"max_points": wire.FEWEST_POINTS},
            timeout_seconds=_LOOK_SECONDS,
            retry=_ONCE,
        )
        return trial.state in OVER

    def best(self) -> int | None:
        """The complete trial with the best value; None before there is one."""
        status = self._connection.get(StudyStatus, f"{self._path}/status", timeout_seconds=_LOOK_SECONDS, retry=_ONCE)
        return None if status.best is None else status.best.trial

    def ended(self) -> None:
        """The study has nothing left to train."""
        for call in list(self.at_end.values()):
            call(self)
