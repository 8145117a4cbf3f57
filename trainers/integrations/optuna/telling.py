"""How a trial ends, by Optuna's rules."""

from collections.abc import Sequence
from typing import Any

from lrtune.service.wire.trials import Verdict
from lrtune.trainers.errors import LrtuneError, TrialStopped
from lrtune.trainers.integrations.optuna.framework import optuna
from lrtune.trainers.integrations.optuna.trial import Trial

State = optuna.trial.TrialState

BY_ITSELF = "the objective raised TrialPruned"


class Untrained(LrtuneError):
    """A trial ended without a value."""


def check(values: Any, state: Any) -> None:
    """Raises ValueError for a state and values that do not go together."""
    if state is State.COMPLETE:
        wrong = why_not(values)
        if wrong is not None:
            raise ValueError(f"values: {wrong}, and a COMPLETE trial needs its value")
    elif state in (State.PRUNED, State.FAIL):
        if values is not None:
            raise ValueError(f"values: a trial that is told as {state.name} has none: leave them out")
    elif state is not None:
        raise ValueError(f"state: must be COMPLETE, PRUNED or FAIL of optuna.trial.TrialState, not {state!r}")


def why_not(values: Any) -> str | None:
    """Why that cannot be the value of a complete trial; None where it can. What is not finite has diverged."""
    if isinstance(values, Sequence) and not isinstance(values, str):
        return f"{len(values)} values for one objective" if len(values) != 1 else why_not(values[0])
    try:
        float(values)
    except (TypeError, ValueError):
        return f"{values!r:.60} is no number"
    return None


def end(trial: Trial, values: Any, state: Any, why: str | None = None) -> None:
    """Ends it: without a state as complete where `values` is a number, else as failed. What is not finite has
    diverged. LrtuneError where that cannot be told."""
    wrong = why_not(values)
    if state is State.PRUNED:
        prune(trial, "told as PRUNED")
    elif state is State.FAIL or wrong is not None:
        fail(trial, Untrained(why or ("told as FAIL" if state is State.FAIL else str(wrong))))
    else:
        trial.leased.complete(float(values[0] if isinstance(values, Sequence) else values))
        trial.leased.__exit__(None, None, None)


def prune(trial: Trial, why: str) -> None:
    """Ends it as the service said to, where it did; else as pruned."""
    own = Verdict(verdict="stop", reason="pruned", explanation=why, lease_ttl_seconds=0.0)
    fail(trial, trial.stopped or TrialStopped(own))


def fail(trial: Trial, error: BaseException) -> None:
    """Ends it by what its training raised: as failed; given back where the process was told to end, or the service is
    away."""
    trial.leased.__exit__(type(error), error, error.__traceback__)


def give_back(trial: Trial) -> None:
    """Ends its lease, and nothing else: another worker may train it."""
    fail(trial, KeyboardInterrupt("the study was closed"))
