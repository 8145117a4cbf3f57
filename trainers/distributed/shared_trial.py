"""A leased trial that several ranks train."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, SupportsFloat
from uuid import uuid4

from lrtune.service.wire import trials as wire
from lrtune.service.wire.studies import Direction
from lrtune.trainers.client.leased_trial import LeasedTrial
from lrtune.trainers.client.report_checks import StepLike, read_report, read_step, read_value
from lrtune.trainers.distributed.group import RankGroup
from lrtune.trainers.distributed.leaving import Leaving
from lrtune.trainers.distributed.notice import SharedNotice
from lrtune.trainers.errors import LeaseLost, TrialNotOpen, TrialStopped


@dataclass(frozen=True)
class Leased:
    """What every rank knows of a trial."""

    number: int
    attempt: int
    params: dict[str, Any]
    max_steps: int | None
    resume: wire.Checkpoint | None
    direction: Direction
    keep_checkpoints: bool
    key: str
    """Of this lease: the ranks post under it."""

    @classmethod
    def of(cls, trial: LeasedTrial) -> "Leased":
        """Of rank 0's trial."""
        how = trial.direction, trial.keep_checkpoints, uuid4().hex
        return cls(trial.number, trial.attempt, trial.params, trial.max_steps, trial.resume, *how)


class SharedTrial:
    """As LeasedTrial, on every rank. The lease is rank 0's, which renews it, reports, and ends the trial.

    `with trial:`, `report`, `check` and `should_stop` are for all ranks, at the same places: each waits there for rank
    0. They say and raise the same on all, so that all stop or pause after the same step. `complete`, `checkpoint` and
    `when_over` count on rank 0; nobody waits in them.

    - A rank fails by itself: the trial has failed, with that rank's traceback, and the others raise RankFailed.
    - A rank dies: this attempt is lost, as when a worker dies, and the others raise RankLost. They know at once where a
      collective breaks or the launcher ends them, else after 30 seconds; what still stands in a step 20 seconds later
      is ended.
    - A rank is told to end, where `lrtune.run` or `lrtune worker` heeds the signal: all leave at the end of the next
      report, and the trial is given back with the checkpoint of that; sooner, where the training looks at `notice`.
    """

    def __init__(self, group: RankGroup, leased: Leased, trial: LeasedTrial | None) -> None:
        self.number, self.attempt, self.params = leased.number, leased.attempt, leased.params
        self.max_steps, self.resume = leased.max_steps, leased.resume
        self.direction, self.keep_checkpoints = leased.direction, leased.keep_checkpoints
        self.standing = None if trial is None else trial.standing
        self._group, self._trial = group, trial
        self._leaving = Leaving(group, leased.key, trial)
        self._points: dict[int, float] = {}
        self.notice = SharedNotice(lambda: self._by_first("notice", lambda _: self._group.told))
        """Word that the process of some rank is to end, for a training that does not wait for its next report."""

    def __repr__(self) -> str:
        return f"SharedTrial(number={self.number}, attempt={self.attempt}, params={self.params})"

    @property
    def ranks(self) -> int:
        """How many processes train it."""
        return self._group.ranks.count

    @property
    def outcome(self) -> str | None:
        """How it ended, in words, the same on all ranks; None until then."""
        return self._leaving.outcome

    @property
    def failed_alike(self) -> bool:
        """Whether each rank failed by itself: they can train another trial together."""
        return self._leaving.failed_alike

    @property
    def curve(self) -> list[tuple[int, float]]:
        """What this lease has reported, by step; rank 0's values."""
        return sorted(self._points.items())

    @property
    def last_step(self) -> int | None:
        """The highest step that this lease has reported; None before the first."""
        return max(self._points, default=None)

    @property
    def should_stop(self) -> bool:
        """Whether the training is to end: as rank 0 has it, on all. Look at it on all ranks, within a long step."""
        return bool(self._by_first("should_stop", lambda trial: trial.should_stop or self._group.told is not None))

    def report(
        self,
        step: StepLike,
        value: SupportsFloat,
        checkpoint: str | wire.Checkpoint | None = None,
        *,
        wait_seconds: float | None = None,
        mean: bool = False,
    ) -> None:
        """As `LeasedTrial.report`. Rank 0's `value` counts, as where it is reduced over ranks already; with `mean` the
        mean of all ranks' values."""
        at, number = read_step(step, value), read_value(value)
        values = self._group.to_first("report", number) if mean else None
        number = number if values is None else sum(values) / len(values)
        how = {"checkpoint": checkpoint, "wait_seconds": wait_seconds}
        self._report([wire.Report(step=at, value=number)], lambda trial: trial.report(at, number, **how))  # type: ignore[arg-type]

    def report_all(self, points: Sequence[tuple[StepLike, SupportsFloat]]) -> None:
        """As `report`, for several points in one request."""
        reports = [read_report(step, value) for step, value in points]
        self._report(reports, lambda trial: trial.report_all(points))

    def _report(self, reports: list[wire.Report], send: Callable[[LeasedTrial], None]) -> None:
        def told(trial: LeasedTrial) -> list[wire.Report]:
            send(trial)
            if self.max_steps is None or all(report.step < self.max_steps for report in reports):
                self._raise_told()
            return reports

        for report in self._by_first("report", told):
            self._points.setdefault(report.step, report.value)

    def check(self) -> None:
        """Raises on all ranks what the next `report` would, and reports nothing."""

        def check(trial: LeasedTrial) -> None:
            trial.check()
            self._raise_told()

        self._by_first("check", check)

    def _raise_told(self) -> None:
        told = self._group.told
        if told is not None:
            raise told.error()

    def checkpoint(self, where: str | wire.Checkpoint, step: StepLike) -> None:
        """Notes where the training can be resumed after `step`; rank 0's counts."""
        if self._trial is not None:
            self._trial.checkpoint(where, step)

    def complete(self, value: SupportsFloat, standard_error: SupportsFloat | None = None) -> None:
        """Sets the final value, rank 0's; the trial is complete when its `with` block ends on all ranks."""
        number = read_value(value)
        if self._trial is not None:
            self._trial.complete(number, standard_error)

    def complete_with(self, final: Callable[[], SupportsFloat]) -> None:
        """As `complete`, of what is known only when the block ends. Called on rank 0."""
        if self._trial is not None:
            self._trial.complete_with(final)

    def when_over(self, call: Callable[[str], None]) -> None:
        """As `LeasedTrial.when_over`, on rank 0."""
        if self._trial is not None:
            self._trial.when_over(call)

    def on_first(self, what: str, call: Callable[[LeasedTrial], Any]) -> Any:
        """What `call(trial)` returns on rank 0, given its own trial, on all ranks; where it raises, all raise that."""
        return self._by_first(what, call)

    def __enter__(self) -> Self:
        self._by_first("with trial", lambda trial: self._leaving.enter())
        if self._trial is None:
            self._leaving.enter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        self._leaving.leave(error)
        return isinstance(error, LeaseLost | TrialStopped)

    def _by_first(self, what: str, call: Callable[[LeasedTrial], Any]) -> Any:
        trial = self._trial
        if self.outcome is not None:
            raise TrialNotOpen(self.number)
        return self._group.from_first(what, lambda: None if trial is None else call(trial))
