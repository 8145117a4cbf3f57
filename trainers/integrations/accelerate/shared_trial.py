"""A leased trial that several processes train."""

from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, SupportsFloat

from lrtune.service.wire import trials as wire
from lrtune.trainers.client.leased_trial import LeasedTrial
from lrtune.trainers.client.report_checks import StepLike
from lrtune.trainers.errors import LeaseLost, TrialStopped
from lrtune.trainers.integrations.accelerate.broadcast import by_main


@dataclass(frozen=True)
class Leased:
    """What every process knows of a trial."""

    number: int
    attempt: int
    params: dict[str, Any]
    max_steps: int | None
    resume: wire.Checkpoint | None

    @classmethod
    def of(cls, trial: LeasedTrial) -> "Leased":
        """Of the main process's trial."""
        return cls(trial.number, trial.attempt, trial.params, trial.max_steps, trial.resume)


class SharedTrial:
    """As LeasedTrial, in every process. The lease is the main process's, which renews it, reports, and ends the trial.

    `with trial:`, `report`, `check` and `complete` are called by all processes, at the same places: each waits there
    for the others. They raise the same in all of them: TrialStopped, TrialPaused and LeaseLost end the block quietly
    everywhere; of another error of the main process the others raise an LrtuneError with its message.

    Where one process fails by itself, the others wait for it until the launcher ends them, as it does. If the main
    process does not come to tell it, the lease runs out, and the trial is trained again from its last checkpoint.
    """

    def __init__(self, accelerator: Any, leased: Leased, trial: LeasedTrial | None) -> None:
        self._accelerator = accelerator
        self._trial = trial
        self.number, self.attempt = leased.number, leased.attempt
        self.params = leased.params
        self.max_steps, self.resume = leased.max_steps, leased.resume

    def __repr__(self) -> str:
        return f"SharedTrial(number={self.number}, attempt={self.attempt}, params={self.params})"

    @property
    def outcome(self) -> str | None:
        """How it ended, in words, in the main process; None until then, and in the others."""
        return None if self._trial is None else self._trial.outcome

    def report(self, step: StepLike, value: SupportsFloat, checkpoint: str | None = None) -> None:
        """Reports the main process's `value`, one of all processes, as `accelerator.gather(loss).mean()` is."""
        self._by_main(lambda trial: trial.report(step, value, checkpoint))

    def check(self) -> None:
        """Raises what the next `report` would, and reports nothing: to look within a long step."""
        self._by_main(lambda trial: trial.check())

    def checkpoint(self, where: str, step: StepLike) -> None:
        """Notes where the training can be resumed after `step`; nobody waits."""
        if self._trial is not None:
            self._trial.checkpoint(where, step)

    def complete(self, value: SupportsFloat, standard_error: SupportsFloat | None = None) -> None:
        """Sets the final value; the trial is complete when its `with` block ends."""
        self._by_main(lambda trial: trial.complete(value, standard_error))

    def __enter__(self) -> Self:
        self._by_main(_open)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        together = error is None or isinstance(error, LeaseLost | TrialStopped)
        if together:
            self._by_main(lambda trial: _close(trial, error))
        elif self._trial is not None:
            _close(self._trial, error)
        return together and error is not None

    def _by_main(self, call: Callable[[LeasedTrial], None]) -> None:
        trial = self._trial
        by_main(self._accelerator, lambda: None if trial is None else call(trial))


def _open(trial: LeasedTrial) -> None:
    trial.__enter__()


def _close(trial: LeasedTrial, error: BaseException | None) -> None:
    trial.__exit__(None if error is None else type(error), error, None if error is None else error.__traceback__)
