"""A trial on lease, as a training function sees it."""

import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self, SupportsFloat

from lrtune.service.wire import trials as wire
from lrtune.service.wire.studies import Direction
from lrtune.trainers.client.curve import Curve
from lrtune.trainers.client.http.bodies import as_json, valid
from lrtune.trainers.client.http.retry import SHUTDOWN_SECONDS, may_pass
from lrtune.trainers.client.lease_calls import LeaseCalls, Tries
from lrtune.trainers.client.lease_keeper import Keeper, keep
from lrtune.trainers.client.notice import Notice
from lrtune.trainers.client.report_checks import StepLike, read_report, read_step, read_value
from lrtune.trainers.client.report_sender import ReportSender
from lrtune.trainers.client.spool.backlog import Backlog
from lrtune.trainers.client.standing import Standing
from lrtune.trainers.client.trial_end import TrialEnd
from lrtune.trainers.client.watching import Watching
from lrtune.trainers.errors import LeaseLost, LrtuneError, TrialNotOpen, TrialPaused, TrialStopped


class LeasedTrial:
    """One training to do. `with trial:` around it renews the lease and tells the service how it ended.

    - The block ends: the trial is complete, with the value of `complete`, else the last reported one.
    - The service stops it (TrialStopped), or it is someone else's by now (LeaseLost): the block ends quietly.
    - The service pauses it (TrialPaused, only where the trainer is resumable): it is given back with its last
      checkpoint, and the block ends quietly. It may be leased again, to any worker, with `resume`.
    - The process was told to end (Ctrl-C, a signal, a cancelled task): the trial is given back with its last
      checkpoint, unharmed; where the service is away, the next worker of the machine tells it so.
    - The training leaves by itself without a word (`sys.exit`, a closed generator): this attempt is lost, and the trial
      is trained again from its last checkpoint, up to the study's `max_attempts` times.
    - The service cannot be reached, or is broken, while it trains: the training goes on. At its end it is waited for as
      long as the client tries again; then what was reported, and the result, are left on disk to the next worker of the
      study on this machine. The trial never fails for it. The exception goes on.
    - Anything else: the trial has failed, with the traceback as its error. The exception goes on.
    """

    def __init__(
        self,
        leased: wire.LeasedTrial,
        calls: LeaseCalls,
        watching: Watching | None = None,
        standing: Standing | None = None,
        *,
        direction: Direction = "minimize",
        keep_checkpoints: bool = False,
        backlog: Backlog | None = None,
    ) -> None:
        self.number = leased.number
        """Counts the study's trials from 0."""
        self.attempt = leased.attempt
        """1 at first; one more after each lease that ran out."""
        self.params: dict[str, Any] = dict(leased.params)
        self.direction = direction
        """Of the study's metric: `minimize` or `maximize`."""
        self.max_steps = leased.max_steps
        """The step at which this training should end; None where the study does not say."""
        self.resume = leased.resume
        """Where to go on from: `.uri` and `.step`; None for a fresh start."""
        self.keep_checkpoints = keep_checkpoints
        """Whether checkpoints that lrtune wrote stay when the trial is over."""
        self.standing = standing
        """What the service says of other trials of the study."""
        self.notice = Notice()
        """Word that this process is to end: for a training that writes a checkpoint first."""
        self._ttl_seconds = leased.lease_ttl_seconds
        self._calls = calls
        self._watching = watching or Watching()
        self._backlog = backlog
        self._end = TrialEnd(leased, calls, backlog)
        self._keeper: Keeper | None = None
        self._sender: ReportSender | None = None
        self._open = ExitStack()
        self._pid = os.getpid()
        self._checkpoint = leased.resume
        self._checkpoint_is_new = False
        self._final: Callable[[], float] | None = None
        self._standard_error: float | None = None
        self._curve = Curve(leased.number, leased.max_steps)

    def __repr__(self) -> str:
        return f"LeasedTrial(number={self.number}, attempt={self.attempt}, params={self.params})"

    def __reduce__(self) -> str:
        raise LrtuneError(
            f"trial {self.number} is on lease to this process and cannot be sent to another: send trial.params, "
            "and report here"
        )

    @property
    def outcome(self) -> str | None:
        """How it ended, in words; None until then."""
        return self._end.outcome

    @property
    def curve(self) -> list[tuple[int, float]]:
        """What this lease has reported, by step."""
        return self._curve.points

    @property
    def last_step(self) -> int | None:
        """The highest step that this lease has reported; None before the first."""
        return self._curve.last_step

    @property
    def should_stop(self) -> bool:
        """Whether the next `report` will raise: look at it inside a long step."""
        keeper = self._keeper
        if keeper is None:
            return False
        unsent = self._sender is not None and self._sender.error is not None
        return unsent or keeper.lost.is_set() or keeper.verdict is not None

    def report(
        self,
        step: StepLike,
        value: SupportsFloat,
        checkpoint: str | wire.Checkpoint | None = None,
        *,
        wait_seconds: float | None = None,
    ) -> None:
        """Tells the service the metric after `step` steps (1 after the first). Returns once it is on its disk.

        A service that is away is waited for some seconds, once: from then on reports are kept here, and sent when it is
        back.

        With `wait_seconds` it returns after so long at the latest, and a thread sends the report, with others that come
        meanwhile: 0 for a training whose steps take milliseconds. What the service says of it is then raised by a later
        report, and known to `should_stop` before; at the end of the `with` block all reports are on disk.

        Optuna's order does by keywords: `report(value=0.3, step=4)`. `step` is a whole number ≥ 0: of Python, NumPy or
        torch, or a float without a fraction. `value` may be non-finite: the training has diverged then. `checkpoint` is
        a place from which any worker can go on after this step.

        Raises TrialStopped where training on is of no use, LeaseLost where the trial is someone else's; let both pass.
        Raises InvalidReport for a step or value that cannot be, for a step beyond `max_steps`, and where step and value
        are swapped: a step with a fraction, a float as the step beside an integer as the value. Of a step that is
        reported again the first value counts, and a LrtuneWarning says so.
        """
        self._raise_if_lost()
        at, number = read_step(step, value), read_value(value)
        if checkpoint is not None:
            self.checkpoint(checkpoint, at)
        self._send([wire.Report(step=at, value=number)], wait_seconds)

    def report_all(self, points: Sequence[tuple[StepLike, SupportsFloat]]) -> None:
        """As `report`, for several points (1000 at the most), in their order and in one request."""
        self._raise_if_lost()
        if points:
            self._send([read_report(step, value) for step, value in points])

    def _send(self, reports: list[wire.Report], wait_seconds: float | None = None) -> None:
        self._curve.add(reports)
        checkpoint = self._take_new_checkpoint()
        if os.getpid() != self._pid or self._sender is None:  # Forked: the thread stayed behind.
            self._tell_reports(reports, checkpoint)
        elif wait_seconds is None and not self._sender.begun:
            self._tell_at_once(self._sender, reports, checkpoint)
        else:
            self._sender.put(reports, checkpoint, wait_seconds)
        self._watching.reported(reports)
        self.check()

    def _tell_at_once(
        self, sender: ReportSender, reports: list[wire.Report], checkpoint: wire.Checkpoint | None
    ) -> None:
        try:
            self._tell_reports(reports, checkpoint, "all" if self._backlog is None else "few")
        except LrtuneError as error:
            sender.keep(reports, checkpoint, error)

    def _tell_reports(
        self, reports: list[wire.Report], checkpoint: wire.Checkpoint | None, tries: Tries = "all"
    ) -> None:
        self._require_open().hear(self._calls.report(reports, checkpoint, tries))
        self._watching.taken(reports)

    def check(self) -> None:
        """Raises what the next `report` would, and reports nothing: for who was told by `should_stop`, within a step,
        that the training is over."""
        verdict = self._raise_if_lost().verdict
        if verdict is not None:
            raise TrialPaused(verdict) if verdict.verdict == "pause" else TrialStopped(verdict)

    def _raise_if_lost(self) -> Keeper:
        keeper = self._require_open()
        if keeper.loss is not None:
            raise keeper.loss
        if self._sender is not None and self._sender.error is not None:
            raise self._sender.error
        return keeper

    def checkpoint(self, where: str | wire.Checkpoint, step: StepLike) -> None:
        """Notes where the training can be resumed after `step`; sent with the next report or on release.

        Raises LrtuneError where the place cannot be written in UTF-8, as JSON is.
        """
        if not isinstance(where, wire.Checkpoint):
            where = valid(wire.Checkpoint, uri=where, step=read_step(step))
        as_json(where)
        self._checkpoint, self._checkpoint_is_new = where, True

    def complete(self, value: SupportsFloat, standard_error: SupportsFloat | None = None) -> None:
        """Sets the final value; the trial is complete when its `with` block ends.

        `standard_error` is that of the value, where it is a mean: over folds, say.
        """
        self._require_open()
        final = read_value(value)
        self._final = lambda: final
        self._standard_error = None if standard_error is None else float(standard_error)

    def complete_with(self, final: Callable[[], SupportsFloat]) -> None:
        """As `complete`, of what is known only when the block ends: a framework's choice of the best round, say."""
        self._require_open()
        self._final = lambda: read_value(final())

    def when_over(self, call: Callable[[str], None]) -> None:
        """Calls it with the trial's state, once the service has said that it has ended for good: complete, pruned,
        diverged or failed. Not where it is given back, paused, or someone else's by now."""
        self._end.when_over.append(call)

    def release(self) -> None:
        """Gives a trial back that was not begun."""
        try:
            self._end.release(self._checkpoint)
        finally:
            self._end.leave()

    def __enter__(self) -> Self:
        if self.outcome is not None:
            raise TrialNotOpen(self.number)
        self._pid = os.getpid()
        self._keeper = self._open.enter_context(keep(self._calls.heartbeat, ttl_seconds=self._ttl_seconds))
        self._sender = ReportSender(self._tell_reports, self._backlog)
        first_step = self.resume.step if self.resume else 0
        self._watching.begun(self.number, self.attempt, self.params, self.max_steps, first_step)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if os.getpid() != self._pid:  # A forked copy: the lease is kept, and the trial ended, where it was opened.
            self._keeper, self._end.outcome = None, "left to the process that trains it"
            return isinstance(error, LeaseLost | TrialStopped)
        with self._open:
            unsent = self._send_rest(error)
        self._keeper = self._sender = None
        waits = self._backlog is not None and self._backlog.holds_reports and (unsent is None or may_pass(unsent))
        try:  # Where reports wait for the service, so does the end, which comes after them.
            self._end.tell(
                error if waits else unsent or error, self._final_value, self._standard_error, self._checkpoint
            )
        finally:
            self._end.leave()
            self._watching.ended(self.outcome or "given back", self._end.ending, lost=self._end.lost)
        if unsent is None or isinstance(unsent, LeaseLost | TrialStopped):
            return isinstance(unsent or error, LeaseLost | TrialStopped)
        raise unsent

    def _send_rest(self, error: BaseException | None) -> LrtuneError | None:
        """What the last of the reports that are on their way would have raised, had the training waited for it; None
        where it leaves by an error of its own."""
        if self._sender is None:
            return None
        try:
            if self._sender.error is None and not isinstance(error, LeaseLost):
                self._sender.flush(None if error is None or isinstance(error, Exception) else SHUTDOWN_SECONDS)
            if error is None:
                self.check()
        except LrtuneError as raised:
            return raised if error is None else None
        finally:
            self._sender.close(keeps=not isinstance(error, LeaseLost))
        return None

    def _final_value(self) -> float | None:
        """Of a training that has come to its end; None where it told nothing. Raises what `complete_with` was given."""
        value = self._curve.value if self._final is None else self._final()
        if value is not None:
            self._curve.warn_of_zero()
        return value

    def _take_new_checkpoint(self) -> wire.Checkpoint | None:
        new, self._checkpoint_is_new = self._checkpoint_is_new, False
        return self._checkpoint if new else None

    def _require_open(self) -> Keeper:
        if self._keeper is None:
            raise TrialNotOpen(self.number)
        return self._keeper
