"""Training a trial, from the ask to the end: the agent trains, and tells what comes of it."""

import math
from typing import Annotated, Literal

from pydantic import Field

from lrtune.service.cli.commands.mcp.tools.base import ADDS, SETS, SPENDS, Tool
from lrtune.service.cli.commands.mcp.tools.studies import OneStudy
from lrtune.service.cli.commands.mcp.tools.trials import KnownTrial, OneTrial, trial_now
from lrtune.service.cli.commands.mcp.worker import AgentWorker, give_back, leave
from lrtune.service.sentences.study import for_agent
from lrtune.service.wire.base import Loss, ParameterValue, Reply
from lrtune.service.wire.trials import Checkpoint, NoTrial, Report
from lrtune.trainers.client.leased_trial import LeasedTrial
from lrtune.trainers.errors import (
    InvalidRequest,
    LeaseLost,
    LrtuneError,
    NotFound,
    ProgramFailed,
    TokenRefused,
    TrialStopped,
)

_OVER = (LeaseLost, NotFound, TokenRefused)
"""What ends a trial here, whoever has it by now."""


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


def _ask(worker: AgentWorker, given: AskTrial) -> AskedTrial:
    answer = worker.ask(given.study, anneals=given.anneals, resumable=given.resumable)
    if isinstance(answer, NoTrial):
        waits = "" if answer.done else "all that is left is being trained: ask again later"
        return AskedTrial(
            done=answer.done,
            explanation=for_agent(answer.explanation or waits),
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
        except _OVER as lost:
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
    return trial_now(worker, given)


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
    return trial_now(worker, given)


def _check_told(trial: LeasedTrial, given: OneTrial) -> None:
    """Raises LrtuneError where the service did not take the end of a trial."""
    outcome = trial.outcome or ""
    if outcome == "lease lost" or outcome.startswith("left behind"):
        raise LrtuneError(
            f"trial {given.trial} of study {given.study}: {outcome}; it goes to whoever asks next, with what was "
            "reported of it: call ask"
        )


TRAINING = (
    Tool(
        "ask",
        "Hands out a trial to train, with its parameters, and SPENDS ONE OF THE STUDY'S max_trials, unless "
        "`release` gives the trial back. The lease is kept while this server runs. Train with params for "
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
)
