"""Trials, from the ask to the end: an agent trains, and tells what came of it."""

import math
from itertools import islice
from typing import Annotated, Any, Literal

from pydantic import Field

from lrtune.service.cli.commands.mcp.tools.base import ADDS, READS, SETS, SPENDS, Tool
from lrtune.service.cli.commands.mcp.tools.studies import OneStudy
from lrtune.service.cli.commands.mcp.worker import AgentWorker, give_back, leave
from lrtune.service.sentences.failures import error_line
from lrtune.service.wire.base import WHOLE, Loss, ParameterValue, Reply
from lrtune.service.wire.trials import FEWEST_POINTS, Checkpoint, NoTrial, Report, Step, Trial, TrialState
from lrtune.trainers.client.leased_trial import LeasedTrial
from lrtune.trainers.errors import InvalidRequest, LeaseLost, LrtuneError, ProgramFailed, TrialStopped

Number = Annotated[int, Field(ge=0, lt=2**31), WHOLE]


class AskTrial(OneStudy):
    """What the trainer can do."""

    anneals: bool = False
    """It ends its schedule at the trial's own max_steps, which may be short then."""
    resumable: bool = False
    """It writes checkpoints, and can go on from another's."""


class AskedTrial(Reply):
    """A trial to train, or why there is none."""

    trial: int | None = None
    """Its number; null where there is none now."""
    attempt: int | None = None
    params: dict[str, ParameterValue] | None = None
    """What to train with."""
    max_steps: int | None = None
    """The length of this training; null where the study does not say."""
    resume: Checkpoint | None = None
    """Where to go on from; null for a fresh start."""
    done: bool = False
    """There is nothing left to train: take what `suggest` says."""
    explanation: str = ""
    retry_after_seconds: float | None = None
    """When to ask again, where all that is left is being trained."""


class OneTrial(OneStudy):
    """A trial, by its study and number."""

    trial: Number


class ReportTrial(OneTrial):
    """The curve so far, or what is new of it."""

    reports: Annotated[list[Report], Field(min_length=1, max_length=1000)]
    """In their order: step 1 after the first. A loss may be "nan" or "inf": the training has diverged then."""
    checkpoint: Annotated[str, Field(min_length=1, max_length=2000)] | None = None
    """A place from which any worker can go on after the last of these steps."""


class Heard(Reply):
    """Whether to train on."""

    verdict: Literal["continue", "pause", "stop"]
    reason: Literal["pruned", "diverged", "paused", "study_finished"] | None = None
    explanation: str = ""
    steps_left: int | None = None
    """Until the training's full length; at 0 call finish."""
    ended: bool = False
    """With stop and pause the trial is over: train it no further, do not finish it, and ask for the next."""


class FinishTrial(OneTrial):
    """How the training ended."""

    state: Literal["complete", "diverged", "failed"] = "complete"
    value: Loss | None = None
    """The final value of a complete trial; left out: the last reported one."""
    error: Annotated[str, Field(min_length=1, max_length=20_000)] | None = None
    """What went wrong, of a failed one."""


class KnownTrial(Reply):
    """A trial in a few words."""

    trial: int
    state: TrialState
    params: dict[str, ParameterValue]
    value: Loss | None
    step: Step | None
    """The last one reported."""
    explanation: str | None
    """Why it was stopped or paused."""
    error: str | None
    """Of a failed one, in a line."""


class ListTrials(OneStudy):
    """Which trials to list."""

    state: TrialState | None = None
    limit: Annotated[int, Field(ge=1, le=200), WHOLE] = 20


class KnownTrials(Reply):
    """Trials, the newest first."""

    trials: list[KnownTrial]
    more: bool
    """There are older ones."""


class Diagnosed(Reply):
    """What a trial's curve says about its learning rate."""

    trial: int
    state: TrialState
    verdict: Literal["too_high", "diverged", "too_low", "good", "unclear"]
    evidence: list[str]


def _ask(worker: AgentWorker, given: AskTrial) -> AskedTrial:
    answer = worker.ask(given.study, anneals=given.anneals, resumable=given.resumable)
    if isinstance(answer, NoTrial):
        waits = "" if answer.done else "all that is left is being trained: ask again later"
        return AskedTrial(
            done=answer.done,
            explanation=answer.explanation or waits,
            retry_after_seconds=answer.retry_after_seconds,
        )
    return AskedTrial(
        trial=answer.number,
        attempt=answer.attempt,
        params=answer.params,
        max_steps=answer.max_steps,
        resume=answer.resume,
    )


def _report(worker: AgentWorker, given: ReportTrial) -> Heard:
    last = given.reports[-1].step
    with worker.trial(given.study, given.trial) as trial:
        try:
            if given.checkpoint is not None:
                trial.checkpoint(given.checkpoint, last)
            trial.report_all([(report.step, report.value) for report in given.reports])
        except LeaseLost as lost:
            leave(trial, lost)
            raise
        except TrialStopped as over:
            leave(trial, over)
            told = over.verdict
            return Heard(verdict=told.verdict, reason=told.reason, explanation=told.explanation, ended=True)
        left = None if trial.max_steps is None else max(trial.max_steps - last, 0)
        return Heard(verdict="continue", steps_left=left)


def _finish(worker: AgentWorker, given: FinishTrial) -> KnownTrial:
    with worker.trial(given.study, given.trial) as trial:
        if given.state == "failed":
            if given.error is None:
                raise InvalidRequest("error", "is missing: say in a line why the training failed")
            leave(trial, ProgramFailed(given.error))
        else:
            _set_value(trial, given)
            leave(trial)
        _check_told(trial, given)
    return _known(worker.client.trial(given.study, given.trial, max_points=FEWEST_POINTS))


def _set_value(trial: LeasedTrial, given: FinishTrial) -> None:
    if given.state == "diverged":
        trial.complete(math.nan)
    elif given.value is not None:
        trial.complete(given.value)
    elif not trial.curve:
        raise InvalidRequest("value", "is missing, and nothing was reported: give the final value, or report first")


def _release(worker: AgentWorker, given: OneTrial) -> KnownTrial:
    with worker.trial(given.study, given.trial) as trial:
        give_back(trial)
        _check_told(trial, given)
    return _known(worker.client.trial(given.study, given.trial, max_points=FEWEST_POINTS))


def _check_told(trial: LeasedTrial, given: OneTrial) -> None:
    """Raises LrtuneError where the service did not take the end of a trial."""
    outcome = trial.outcome or ""
    if outcome == "lease lost" or outcome.startswith("left behind"):
        raise LrtuneError(
            f"trial {given.trial} of study {given.study}: {outcome}; it goes to whoever asks next, with what was "
            "reported of it: call ask"
        )


def _trials(worker: AgentWorker, given: ListTrials) -> KnownTrials:
    read = worker.client.trials(given.study, state=given.state, newest=True, page=given.limit + 1)
    found = list(islice(read, given.limit + 1))
    return KnownTrials(trials=[_known(trial) for trial in found[: given.limit]], more=len(found) > given.limit)


def _diagnose(worker: AgentWorker, given: OneTrial) -> Diagnosed:
    found = worker.client.trial(given.study, given.trial, max_points=FEWEST_POINTS)
    said: dict[str, Any] = {"verdict": "unclear", "evidence": []}
    if found.diagnosis is not None:
        said = found.diagnosis.model_dump()
    return Diagnosed(trial=found.number, state=found.state, **said)


def _known(trial: Trial) -> KnownTrial:
    return KnownTrial(
        trial=trial.number,
        error=None if trial.error is None else error_line(trial.error),
        **{name: getattr(trial, name) for name in ("state", "params", "value", "step", "explanation")},
    )


TRIALS = (
    Tool(
        "ask",
        "Hands out a trial to train, with its parameters, and SPENDS ONE OF THE STUDY'S max_trials; only `release`, "
        "before it is trained, gives it back. The lease is kept while this server runs. Train with params for "
        "max_steps steps, report as you go, then finish.",
        AskTrial,
        AskedTrial,
        SPENDS,
        _ask,
    ),
    Tool(
        "report",
        "Tells the loss after one or more steps of a trial that `ask` gave, and hears whether to train on. The steps "
        "COUNT IN THE STUDY'S max_total_steps. Unless the verdict is continue the trial is over. To report the same "
        "step again changes nothing.",
        ReportTrial,
        Heard,
        SETS,
        _report,
    ),
    Tool(
        "finish",
        "Ends a trial that `ask` gave: complete with its final value, diverged, or failed with an error. A failed one "
        "is replaced within the budget, unless the study counts failures.",
        FinishTrial,
        KnownTrial,
        ADDS,
        _finish,
    ),
    Tool(
        "release",
        "Gives a trial that `ask` gave back unharmed, for whoever asks next, with its last checkpoint. Spends nothing.",
        OneTrial,
        KnownTrial,
        ADDS,
        _release,
    ),
    Tool("trials", "A study's trials, the newest first. Spends nothing.", ListTrials, KnownTrials, READS, _trials),
    Tool(
        "diagnose",
        "What a trial's loss curve says about its learning rate: too high, too low, good. Spends nothing.",
        OneTrial,
        Diagnosed,
        READS,
        _diagnose,
    ),
)
