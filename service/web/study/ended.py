"""The parts `verdicts` and `failures`: why trials were stopped, paused and drawn, and why they failed.

Of the latest 300 trials, however many there are.
"""

from collections import Counter
from dataclasses import dataclass
from itertools import islice

from lrtune.service.access.principal import Principal
from lrtune.service.api.container import Container
from lrtune.service.sentences.failures import error_line, same_error
from lrtune.service.storage.memory.study import StudyMirror, TrialMirror
from lrtune.service.tuning.state.outcomes import explanation_of
from lrtune.service.tuning.views.trials import drawn_by
from lrtune.service.web.study.told import Told, shown_loss

LATEST = 300
_SHOWN = 12
_KINDS = 8
_END_OF_ERROR = 4_000
"""Characters: the error's own line is looked for at its end."""


@dataclass(frozen=True)
class Said:
    """What was said of a trial."""

    number: int
    outcome: str
    step: int | None
    value: str
    text: str


@dataclass(frozen=True)
class Kind:
    """Failures with the same error: the latest line, how many, and the latest trials."""

    line: str
    count: int
    trials: tuple[int, ...]


async def tell_verdicts(parts: Container, study: StudyMirror, _caller: Principal) -> Told:
    """What the template `verdicts` is told."""
    await parts.studies.settled(study)
    with parts.engine.lock:
        latest = study.trials[: -LATEST - 1 : -1]
        judged = ((trial, explanation_of(trial)) for trial in latest if trial.work and trial.work.stop_reason)
        verdicts = [_said(trial, text) for trial, text in islice((one for one in judged if one[1]), _SHOWN)]
        drawn = ((trial, drawn_by(trial)) for trial in latest)
        reasons = [
            _said(trial, f"{told.by}: {told.reason}")
            for trial, told in islice(((trial, told) for trial, told in drawn if told is not None), _SHOWN)
        ]
    return {"verdicts": verdicts, "reasons": reasons, "looked_at": len(latest)}


async def tell_failures(parts: Container, study: StudyMirror, _caller: Principal) -> Told:
    """What the template `failures` is told."""
    await parts.studies.settled(study)
    with parts.engine.lock:
        latest = study.trials[: -LATEST - 1 : -1]
        errors = [
            (trial.number, ((trial.work.error if trial.work else None) or "")[-_END_OF_ERROR:])
            for trial in latest
            if trial.outcome == "failed"
        ]
        failed = study.tally.outcomes["failed"]
    return {"kinds": _kinds(errors), "failed": failed, "known": len(errors)}


def _kinds(errors: list[tuple[int, str]]) -> list[Kind]:
    """By what they have in common, the most frequent first; the latest first comes in."""
    lines: dict[str, str] = {}
    trials: dict[str, list[int]] = {}
    for number, error in errors:
        line = error_line(error)
        kind = same_error(line)
        lines.setdefault(kind, line)
        trials.setdefault(kind, []).append(number)
    counted = Counter({kind: len(numbers) for kind, numbers in trials.items()})
    return [Kind(lines[kind], many, tuple(trials[kind][:5])) for kind, many in counted.most_common(_KINDS)]


def _said(trial: TrialMirror, text: str | None) -> Said:
    outcome = "paused" if trial.paused else trial.outcome
    last = None if trial.last_step is None else trial.intermediate[trial.last_step]
    value = trial.value if trial.value is not None else last
    return Said(trial.number, outcome, trial.last_step, shown_loss(value), text or "")
