"""How the end of a training is told to the service."""

import logging
import math
from collections.abc import Callable
from functools import partial
from typing import Any

from lrtune.service.wire import trials as wire
from lrtune.trainers.client.endings import error_text, told_to_end
from lrtune.trainers.client.http.retry import SHUTDOWN_SECONDS, may_pass
from lrtune.trainers.client.lease_calls import LeaseCalls
from lrtune.trainers.client.spool.backlog import Backlog
from lrtune.trainers.client.spool.ends import EndCalls, KeptEnds, NotKept
from lrtune.trainers.client.standing import OVER
from lrtune.trainers.client.watching import ending_of
from lrtune.trainers.errors import (
    LeaseLost,
    LrtuneError,
    NothingReported,
    RankLost,
    TokenRefused,
    TrialPaused,
    TrialStopped,
    is_of_the_service,
)
from lrtune.trainers.tracking.tracker import Ending

_LEASE_LOST = "lease lost"

Tell = Callable[[EndCalls], str]
"""One call that ends the trial; its state then."""

Final = Callable[[], float | None]
"""The final value of a training; None where it told nothing."""

logger = logging.getLogger(__name__)


class TrialEnd:
    """The end of one lease on a trial: `LeasedTrial` says which there are.

    What cannot be told while the service is away is kept in the `backlog`, after all that was reported.
    """

    def __init__(self, leased: wire.LeasedTrial, calls: LeaseCalls, backlog: Backlog | None = None) -> None:
        self.outcome: str | None = None
        """How it ended, in words; None until then."""
        self.ending: Ending | None = None
        """As trackers are told of it, once the service has taken a result."""
        self.when_over: list[Callable[[str], None]] = []
        """Called with the trial's state, once the service has said that it has ended for good."""
        self._number = leased.number
        self._attempt = leased.attempt
        self._calls = calls
        self._backlog = backlog
        self._kept = None if backlog is None else KeptEnds(backlog, leased.lease)
        self._is_kept = False
        self._checkpoint: wire.Checkpoint | None = None

    @property
    def lost(self) -> bool:
        """Whether the trial is someone else's by now."""
        return self.outcome == _LEASE_LOST

    def leave(self) -> None:
        """What is in the backlog is the next worker's, or nobody's."""
        if self._backlog is None:
            return
        if self.lost:
            self._backlog.drop("another worker has the trial, or it is over")
        self._backlog.close()

    def _give_back(self, calls: EndCalls, **how: Any) -> str:
        return calls.release(self._checkpoint, **how)

    def tell(
        self,
        error: BaseException | None,
        final: Final,
        standard_error: float | None,
        checkpoint: wire.Checkpoint | None,
    ) -> None:
        """Tells it of a training that came to its end, with the value that `final` gives, or left by `error`."""
        self._checkpoint = checkpoint
        if error is None:
            self._finish(final, standard_error)
        elif isinstance(error, LeaseLost):
            self._lost(error)
        elif isinstance(error, TrialPaused):
            self._end(str(error), self._give_back)
        elif isinstance(error, TrialStopped):
            self._end_with_result(str(error), _outcome(error))
        elif isinstance(error, RankLost):
            self._break_off(error)
        elif isinstance(error, Exception):
            self._fail(error)
        elif told_to_end(error):
            self._end_beside_error("released", partial(self._give_back, retry_seconds=SHUTDOWN_SECONDS))
        else:
            self._break_off(error)

    def release(self, checkpoint: wire.Checkpoint | None) -> None:
        """Gives a trial back that was not begun."""
        self._checkpoint = checkpoint
        self._end("released", self._give_back)

    def _finish(self, final: Final, standard_error: float | None) -> None:
        try:
            value = final()
        except Exception as unknown:
            self._fail(unknown)
            raise
        if value is None:
            nothing = NothingReported(self._number)
            self._fail(nothing)
            raise nothing
        shown = f"{value:.6g}" + ("" if standard_error is None else f" ± {standard_error:.2g}")
        outcome = f"complete, {shown}" if math.isfinite(value) else f"diverged, {shown}"  # As the service has it.
        self._end_with_result(outcome, "complete", value=value, standard_error=standard_error)

    def _fail(self, error: Exception) -> None:
        if isinstance(error, TokenRefused):
            self._leave(error)
            return
        if is_of_the_service(error):
            self._end_beside_error("given back", partial(self._give_back, retry_seconds=0))
            return
        try:
            self._end_with_result("failed", "failed", error=error_text(error))
        except LrtuneError as untold:
            self._warn(untold)

    def _leave(self, refused: TokenRefused) -> None:
        """The end of a trial whose token is refused: to give it back most likely is, too."""
        try:
            self._end("given back", partial(self._give_back, retry_seconds=0))
        except LrtuneError:
            self._advise(refused)

    def _advise(self, refused: TokenRefused) -> None:
        refused.advise(f"trial {self._number} goes to another worker when its lease ends")

    def _break_off(self, error: BaseException) -> None:
        self._end_beside_error("attempt lost", partial(self._give_back, error=error_text(error)))

    def _end_with_result(self, outcome: str, state: wire.Outcome, **result: Any) -> None:
        """As `_end`; a trial whose result cannot be told is given back where that can, so that its lease does not run
        out."""
        try:
            self._end(outcome, lambda calls: calls.result(state, **result))
            if self.outcome == outcome:
                self.ending = ending_of(outcome, state, **result)
        except LrtuneError as error:
            if is_of_the_service(error) and not self._is_kept:
                self._give_back_instead(outcome, error)
            raise

    def _give_back_instead(self, outcome: str, error: LrtuneError) -> None:
        try:
            state = self._give_back(self._calls, retry_seconds=0)
        except LrtuneError:
            if isinstance(error, TokenRefused):
                self._advise(error)
            return
        self._told_over(state)
        self.outcome = f"given back: {outcome} could not be told to the service"

    def _end(self, outcome: str, call: Tell) -> None:
        self.outcome = outcome
        if self._backlog is not None and self._backlog.holds_reports:
            self._keep(outcome, call)
            return
        try:
            state = call(self._calls)
        except LeaseLost as loss:
            self._lost(loss)
        except LrtuneError as error:
            if may_pass(error):
                self._keep(outcome, call)
            else:
                self.outcome = _left_behind(outcome)
            raise
        else:
            self._told_over(state)

    def _keep(self, outcome: str, call: Tell) -> None:
        """Leaves it to the next worker of the study on this machine to tell the end."""
        self.outcome = _left_behind(outcome)
        if self._kept is None or self._backlog is None:
            return
        try:
            call(self._kept)
        except NotKept:
            return
        self._is_kept = True
        self.outcome = f"kept: {outcome}"
        logger.warning(
            "trial %d: %s; the service is away still. The next worker of the study on this machine sends it, from %s",
            *(self._number, outcome, self._backlog.path),
        )

    def _told_over(self, state: str) -> None:
        if state in OVER:
            for told in self.when_over:
                told(state)

    def _end_beside_error(self, outcome: str, call: Tell) -> None:
        """As `_end`, but an error on its way out is not replaced by one of the service."""
        try:
            self._end(outcome, call)
        except LrtuneError as error:
            self._warn(error)

    def _warn(self, untold: LrtuneError) -> None:
        logger.warning("trial %d: %s: %s", self._number, self.outcome, untold)

    def _lost(self, loss: LeaseLost) -> None:
        self.outcome = _LEASE_LOST
        logger.warning("trial %d, attempt %d: %s", self._number, self._attempt, loss)


def _left_behind(outcome: str) -> str:
    return f"left behind: {outcome} could not be told to the service"


def _outcome(stopped: TrialStopped) -> wire.Outcome:
    return "diverged" if stopped.reason == "diverged" else "pruned"
