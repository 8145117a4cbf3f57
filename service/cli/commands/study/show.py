"""`lrtune study show`."""

from itertools import islice
from typing import TYPE_CHECKING

from lrtune.service.cli.commands.study.task_tags import FOLDS
from lrtune.service.cli.connection import connect
from lrtune.service.cli.options import Json, Server, StudyName
from lrtune.service.cli.output import print_json, print_table
from lrtune.service.sentences.diagnosis import verdict_on_rate
from lrtune.service.sentences.failures import error_line, failures
from lrtune.service.wire.as_text import number, params_text, suggestion_line

MOST_ERRORS = 1000
"""Of the latest failed trials, that are read and compared."""

if TYPE_CHECKING:
    from lrtune.service.wire.studies import BestTrial, Study, StudyStatus
    from lrtune.trainers.client.client import Client


def show(name: StudyName, server: Server = None, as_json: Json = False) -> None:
    """Show where a study stands: trials by outcome, the best, the suggestion."""
    with connect(server) as client:
        status = client.status(name)
        study = client.study(name).spec
        failed = _failures(client, status)
        diagnoses = [] if FOLDS in study.tags else _diagnoses(client, status)
    if as_json:
        print_json({"study": study.model_dump(mode="json"), "status": status.model_dump(mode="json")})
        return
    print_table(("", f"study {name}"), [*facts(study, status), *failed, *diagnoses])
    print(suggestion_line(status.suggestion))


def _failures(client: "Client", status: "StudyStatus") -> list[tuple[str, str]]:
    """What the trials that failed have failed with; nothing where none did."""
    counts = status.trials
    if not counts.failed:
        return []
    latest = islice(client.trials(status.study, state="failed", newest=True, page=MOST_ERRORS), MOST_ERRORS)
    errors = [error_line(trial.error or "") for trial in latest][::-1]
    ended = counts.complete + counts.pruned + counts.diverged + counts.failed
    return [("failed", failures(counts.failed, ended, errors, study=status.study))]


def _diagnoses(client: "Client", status: "StudyStatus") -> list[tuple[str, str]]:
    """What the curves of the best trial and of the latest say about their learning rates; nothing without any."""
    if status.suggestion.learning_rate is None:
        return []
    numbers = {f"best trial {status.best.trial}": status.best.trial} if status.best else {}
    latest = sum(status.trials.model_dump().values()) - 1
    if latest >= 0 and latest not in numbers.values():
        numbers[f"latest trial {latest}"] = latest
    rows = []
    for label, trial in numbers.items():
        found = client.trial(status.study, trial).diagnosis
        if found is not None:
            rows.append((label, verdict_on_rate(found.verdict, found.evidence)))
    return rows


def facts(study: "Study", status: "StudyStatus") -> list[tuple[str, str]]:
    """What is known of a study, a row a fact."""
    counts = status.trials.model_dump()
    best, short = status.best, status.short_trainings
    return [
        ("state", status.state),
        *([("", status.explanation)] if status.explanation else []),
        ("trials", ", ".join(f"{count} {state}" for state, count in counts.items() if count) or "none yet"),
        *([("", f"{short} of the complete ones short, not compared with full ones")] if short else []),
        ("budget", budget_text(study)),
        ("workers", str(status.workers)),
        ("steps", f"{status.steps.trained} trained, {status.steps.saved_by_pruning} saved by pruning"),
        (f"best {study.measured}", f"{_value(best)} (trial {best.trial})" if best else "–"),
        ("with", params_text(best.params) if best else "–"),
        ("why", status.suggestion.explanation),
    ]


def _value(best: "BestTrial") -> str:
    error = best.standard_error
    return number(best.value, 4) + ("" if error is None else f" ± {number(error, 2)}")


def budget_text(study: "Study") -> str:
    """`24 trials, 1000 steps`."""
    limits = [
        f"{study.max_trials} trials" if study.max_trials is not None else "",
        f"{study.max_total_steps} steps" if study.max_total_steps is not None else "",
    ]
    return ", ".join(limit for limit in limits if limit) or "no limit"
