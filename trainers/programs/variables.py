"""What a program is told of its trial: values for placeholders, and variables of its environment."""

import os
import re
from collections.abc import Iterable, Mapping

from lrtune.trainers.client.leased_trial import LeasedTrial
from lrtune.trainers.errors import TaskError
from lrtune.trainers.programs.calls import REPORTS
from lrtune.trainers.programs.command import written

PARAMETER = "LRTUNE_PARAM_"

_OF_A_TRIAL = re.compile(r"LRTUNE_(?:PARAM_.*|RESUME_.*|STUDY|TRIAL|ATTEMPT|MAX_STEPS|REPORTS|OWNED|SHOWN_BY_OWNER)")


def values_of(trial: LeasedTrial, study: str) -> dict[str, str]:
    """What stands for each placeholder. A parameter goes before what has its name by chance (`trial`, say).

    Without a checkpoint to go on from, `resume_uri` is empty and `resume_step` 0.
    """
    resume = trial.resume
    facts: dict[str, object] = {
        "study": study,
        "trial": trial.number,
        "attempt": trial.attempt,
        "resume_uri": resume.uri if resume else "",
        "resume_step": resume.step if resume else 0,
    }
    if trial.max_steps is not None:
        facts["max_steps"] = trial.max_steps
    return {name: written(value) for name, value in {**facts, **trial.params}.items()}


def environment_of(trial: LeasedTrial, study: str, reports: str, *, resumable: bool) -> dict[str, str]:
    """The environment of a program: this process's, and what it is to know of its trial.

    `reports` is where the worker hears `lrtune report`. Python programs are asked not to hold their output back, unless
    the environment says otherwise.
    """
    kept = {name: value for name, value in os.environ.items() if not _OF_A_TRIAL.fullmatch(name)}
    told = {
        "LRTUNE_STUDY": study,
        "LRTUNE_TRIAL": str(trial.number),
        "LRTUNE_ATTEMPT": str(trial.attempt),
        REPORTS: reports,
    }
    if trial.max_steps is not None:
        told["LRTUNE_MAX_STEPS"] = str(trial.max_steps)
    if resumable and trial.resume is not None:
        told["LRTUNE_RESUME_URI"], told["LRTUNE_RESUME_STEP"] = trial.resume.uri, str(trial.resume.step)
    params = {variable_of(name): written(value) for name, value in trial.params.items()}
    return {"PYTHONUNBUFFERED": "1", **kept, **told, **params}


def variable_of(parameter: str) -> str:
    """The variable that holds a parameter.

    >>> variable_of("learning_rate.embedding")
    'LRTUNE_PARAM_LEARNING_RATE_EMBEDDING'
    """
    return PARAMETER + re.sub(r"\W", "_", parameter, flags=re.ASCII).upper()


def check_variables(parameters: Iterable[str]) -> None:
    """Raises TaskError where two parameters would have the same variable."""
    names: dict[str, str] = {}
    for name in parameters:
        other = names.setdefault(variable_of(name), name)
        if other != name:
            raise TaskError(f"parameters {other} and {name} both go into {variable_of(name)}: rename one of them")


def is_reached(arguments: Iterable[str], placeholders: Iterable[str], parameters: Mapping[str, object]) -> bool:
    """Whether some parameter seems to reach the program: by a placeholder, or by a variable that is named in its
    arguments, or in a file among them."""
    if not set(parameters).isdisjoint(placeholders):
        return True
    return any(PARAMETER in text or _names_variable(text) for text in arguments)


def _names_variable(path: str, most_bytes: int = 1 << 20) -> bool:
    try:
        with open(path, "rb") as file:
            return PARAMETER.encode() in file.read(most_bytes)
    except (OSError, ValueError):
        return False
