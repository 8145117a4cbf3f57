"""What can go wrong for a trainer. Each message is one line and says what to do.

    LrtuneError
    ├── ServiceUnreachable      nothing answers at the address
    │   ├── ForeignAnswer       something else than lrtune answers there: a proxy, a login page
    │   └── EngineSilent        the engine inside this process does not answer
    ├── ServiceError            the service refused; `.problem` is its RFC 9457 answer
    │   ├── NotFound            404: no such study or trial
    │   ├── TokenRefused        401, 403: no token, or not one for this
    │   ├── VersionRefused      426: service and trainer speak different versions of the protocol
    │   └── LeaseLost           409 lease-lost: someone else owns the trial now; stop training it
    ├── TrialStopped            the service says that this training is over; `.verdict` says why
    │   └── TrialPaused         … for now: it keeps its curve and may be leased again
    ├── NothingReported         a training ended without a loss
    ├── ProgramFailed           a program that trains gave no loss, ended in an error, or did not end
    ├── InvalidRequest          what was to be sent cannot be; `.field` says which part of it
    ├── InvalidReport           what was to be reported is no step or no value: swapped, perhaps
    ├── StudyFileInvalid        a file is no whole export of a study
    ├── TrialNotOpen            a leased trial was used outside its `with` block
    ├── RankFailed              another rank of a training in several processes failed; `.rank`, `.told`
    ├── RankLost                another rank died, or cannot be reached
    ├── RanksApart              the ranks do not come to the same place
    ├── TaskError               a task cannot be loaded
    ├── TrainingError           an optimizer, a range test or a training cannot be as it was asked for
    ├── TaskKeepsFailing        the worker gave up
    ├── StudyHalted             the service hands out no trial: the last ones all failed
    └── LaunchError             workers cannot be launched as asked for, or none of them stays

`Shutdown` is no LrtuneError, and no Exception: the process was told to end.

`LeaseLost`, `TrialStopped` and `TrialPaused` need no handling inside `with trial:`; let them pass.
"""

import signal
from collections.abc import Sequence
from http import HTTPStatus
from importlib.metadata import PackageNotFoundError, version
from traceback import format_exception_only

from lrtune.service.sentences.failures import error_line
from lrtune.service.wire import protocol
from lrtune.service.wire.trials import Problem, Verdict

_OF_THE_BODY = (400, 413, 422)


class LrtuneError(Exception):
    """The root of everything this package raises on purpose."""


class LrtuneWarning(UserWarning):
    """What a script may want to mend, and is not stopped for."""


class Shutdown(BaseException):
    """The process was told to end. Not an Exception, so that training code does not swallow it."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(f"told to end by {signal.Signals(signal_number).name}")
        self.signal_number = signal_number


class ServiceUnreachable(LrtuneError):
    """Nothing answered at `url` within the time allowed for retries."""

    def __init__(self, url: str, cause: str) -> None:
        super().__init__(
            f"no lrtune service answers at {url} ({cause}): start one with `lrtune serve`, "
            "or point --server or LRTUNE_SERVER at yours"
        )
        self.url = url

    def advise(self, advice: str) -> None:
        """Adds what else there is to do about it."""
        self.args = (f"{self}; {advice}",)


class ForeignAnswer(ServiceUnreachable):
    """What answered is not lrtune. `heard`: lrtune itself did before, at the same address."""

    def __init__(
        self, url: str, told: str, *, status: int, heard: bool, retry_after_seconds: float | None = None
    ) -> None:
        LrtuneError.__init__(
            self,
            f"{url} does not answer like an lrtune service ({told}): check --server or LRTUNE_SERVER, "
            "and any proxy on the way",
        )
        self.url = url
        self.status = status
        self.heard = heard
        self.retry_after_seconds = retry_after_seconds


class EngineSilent(ServiceUnreachable):
    """The engine that `Client("local")` runs in this process does not answer; `url` is its file."""

    def __init__(self, file: str, cause: str) -> None:
        LrtuneError.__init__(
            self,
            f"the engine of {file} in this process does not answer ({cause}): look whether the disk does, or whether "
            "the training holds Python's interpreter for as long without a break",
        )
        self.url = file


class ServiceError(LrtuneError):
    """The service answered with an error; `problem` holds its status, title, detail and bad fields."""

    def __init__(self, problem: Problem, *, retry_after_seconds: float | None = None) -> None:
        super().__init__(describe(problem))
        self.problem = problem
        self.retry_after_seconds = retry_after_seconds


class NotFound(ServiceError):
    """There is no such study or trial."""


class TokenRefused(ServiceError):
    """The token is missing, unknown, expired or revoked (401), or does not reach this far (403)."""

    def advise(self, advice: str) -> None:
        """Adds what else there is to know of it."""
        self.args = (f"{self}; {advice}",)


class VersionRefused(ServiceError):
    """The service does not speak this lrtune's version of the protocol: the message says what to install."""

    def __init__(self, problem: Problem, *, retry_after_seconds: float | None = None) -> None:
        super().__init__(problem, retry_after_seconds=retry_after_seconds)
        self.args = (f"{self}; this is lrtune {own_version()}, which speaks version {protocol.VERSION}",)


class LeaseLost(ServiceError):
    """The lease is not the current one: another worker may be training this trial. Stop."""


class TrialStopped(LrtuneError):
    """The service ended this training: pruned, diverged, or its study is finished."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(f"{verdict.reason or verdict.verdict}: {verdict.explanation}".rstrip(": "))
        self.verdict = verdict

    @property
    def reason(self) -> str:
        """`pruned`, `diverged`, `paused` or `study_finished`."""
        return self.verdict.reason or "pruned"


class TrialPaused(TrialStopped):
    """The service wants the steps for other trials first: this one waits with its checkpoint."""


class NothingReported(LrtuneError):
    """A training came to its end, but gave no loss."""

    def __init__(self, number: int) -> None:
        super().__init__(
            f"trial {number} ended without a loss: call trial.report(step, value) as it trains, "
            "or trial.complete(value) at the end"
        )


class ProgramFailed(LrtuneError):
    """A program that was to train a trial gave no loss, ended in an error, or did not end; `output` are its last
    lines."""

    def __init__(self, what: str, output: Sequence[str] | None = None) -> None:
        """`output` None: it did not come to print anything."""
        printed = "" if output is None else f"; its last line: {output[-1]}" if output else "; it printed nothing"
        super().__init__(f"{what}{printed}")
        self.output = tuple(output or ())

    @property
    def told(self) -> str:
        """The last lines, and then what happened: what is kept with the trial."""
        return "\n".join((*self.output, str(self)))


class InvalidRequest(LrtuneError, ValueError):
    """What was to be sent cannot be: `field` is its place, `reason` why; the service was not asked."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class InvalidReport(LrtuneError, ValueError):
    """What was to be reported is no step, or no value; the service was not asked."""


class StudyFileInvalid(LrtuneError, ValueError):
    """A file that was to be imported, or an answer that was to be one, is no export of a study, or not all of it."""


class TrialNotOpen(LrtuneError):
    """A leased trial was used outside its `with` block, where nothing renews or finishes it."""

    def __init__(self, number: int) -> None:
        super().__init__(f"trial {number} is not open: train it inside `with trial:`")


class RankFailed(LrtuneError):
    """Another of the processes that train a trial together failed; `told` is its traceback."""

    def __init__(self, rank: int, told: str) -> None:
        super().__init__(f"rank {rank} failed: {error_line(told)}")
        self.rank = rank
        self.told = f"rank {rank}:\n{told}"


class RankLost(LrtuneError):
    """Another of the processes that train a trial together died, stands still, or cannot be reached."""

    def __init__(self, rank: int) -> None:
        super().__init__(f"rank {rank} is lost: look into its log, and start the ranks again")
        self.rank = rank


class RanksApart(LrtuneError):
    """The processes that train a trial together do not make the same calls."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what}: call the trial's report, check and should_stop on all ranks, at the same places")


class TaskError(LrtuneError):
    """The task named on the command line cannot be loaded."""


class TrainingError(LrtuneError, ValueError):
    """An optimizer, a range test or a training cannot be as it was asked for; found before its first step."""


class TaskKeepsFailing(LrtuneError):
    """The task failed several times in a row, or in all that it trained; more trials would only be wasted."""

    def __init__(self, failures: int, last: BaseException) -> None:
        cause = error_line(last.told if isinstance(last, ProgramFailed) else "".join(format_exception_only(last)))
        often = f"{failures} times in a row, the last time with" if failures > 1 else "in the only trial it had, with"
        super().__init__(f"the task failed {often} {cause}: fix it and start again")


class StudyHalted(LrtuneError):
    """The study hands out no trial until somebody has mended why its trials fail; the message is the service's."""


class LaunchError(LrtuneError):
    """Workers cannot be launched as they were asked for, or none of a fleet goes on."""


def is_of_the_service(error: BaseException) -> bool:
    """Whether the service, or the way to it, is at fault: nothing that a training did.

    True for what never arrived and for every refusal but those of a body: 400, 413 and 422.
    """
    if isinstance(error, ServiceError):
        return error.problem.status not in _OF_THE_BODY
    return isinstance(error, ServiceUnreachable)


def describe(problem: Problem) -> str:
    """A problem in one line, naming the fields at fault."""
    fields = [_describe_field(error) for error in problem.errors or ()]
    text = "; ".join(fields) if fields else problem.detail or problem.title
    return " ".join(f"{text} ({problem.status})".split())


def _describe_field(error: dict[str, object]) -> str:
    where = error.get("loc", "")
    if isinstance(where, Sequence) and not isinstance(where, str):
        parts = [str(part) for part in where]
        where = ".".join(parts[1:] if parts[:1] == ["body"] else parts)
    return f"{where}: {error.get('msg', 'is not valid')}" if where else str(error.get("msg", "not valid"))


def error_for(problem: Problem, *, retry_after_seconds: float | None = None) -> ServiceError:
    """The error a trainer meets for a problem of the service."""
    kind: type[ServiceError] = ServiceError
    if problem.status == 409 and problem.type.endswith("lease-lost"):
        kind = LeaseLost
    elif problem.status == 404:
        kind = NotFound
    elif problem.status in (401, 403):
        kind = TokenRefused
    elif problem.status == HTTPStatus.UPGRADE_REQUIRED:
        kind = VersionRefused
    return kind(problem, retry_after_seconds=retry_after_seconds)


def own_version() -> str:
    """The release of lrtune that runs here."""
    try:
        return version("lrtune")
    except PackageNotFoundError:
        return "0"
