"""Trials, as they are known: which there are, and what their curves say."""

from itertools import islice
from typing import Annotated, Any, Literal

from pydantic import Field

from lrtune.service.cli.commands.mcp.tools.base import READS, Tool
from lrtune.service.cli.commands.mcp.tools.studies import OneStudy
from lrtune.service.cli.commands.mcp.worker import AgentWorker
from lrtune.service.sentences.failures import error_line
from lrtune.service.wire.base import WHOLE, Loss, ParameterValue, Reply
from lrtune.service.wire.trials import FEWEST_POINTS, Step, Trial, TrialState

Number = Annotated[int, Field(ge=0, lt=2**31), WHOLE]


class OneTrial(OneStudy):
    """A trial, by its study and number."""

    trial: Number


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


def trial_now(worker: AgentWorker, given: OneTrial) -> KnownTrial:
    """The trial as the service has it."""
    return _known(worker.client.trial(given.study, given.trial, max_points=FEWEST_POINTS))


def _known(trial: Trial) -> KnownTrial:
    return KnownTrial(
        trial=trial.number,
        error=None if trial.error is None else error_line(trial.error),
        **{name: getattr(trial, name) for name in ("state", "params", "value", "step", "explanation")},
    )


TRIALS = (
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
