"""`lrtune study trials`."""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lrtune.service.cli.completion import among
from lrtune.service.cli.connection import connect
from lrtune.service.cli.options import Json, Server, StudyName
from lrtune.service.sentences.failures import error_line
from lrtune.service.sentences.nearest import did_you_mean
from lrtune.service.sentences.study import earlier_trials
from lrtune.service.wire.as_text import number, params_text

if TYPE_CHECKING:
    from lrtune.service.wire.studies import Study
    from lrtune.service.wire.trials import Trial
    from lrtune.trainers.client.client import Client

DEFAULT_LIMIT = 50
_PAGE = 1000
_MEASURED = 200
"""Rows by which columns are made wide enough; later rows may stand out."""
STATES = ("running", "complete", "pruned", "diverged", "failed", "waiting")

_WITH, _NUMBERS = 3, (0, 2, 4, 5, 6)
"""Columns by place: the other parameters, and those that are written to the right."""

Cells = Sequence[str]


def trials(
    name: StudyName,
    failed: Annotated[
        bool, typer.Option("--failed", help="Those that failed, each with the line that names its error.")
    ] = False,
    state: Annotated[
        str | None,
        typer.Option(metavar="STATE", help=f"Those in this state: {', '.join(STATES)}.", autocompletion=among(*STATES)),
    ] = None,
    limit: Annotated[
        int, typer.Option(min=0, help="So many of the latest; 0 for all, which are printed as they are read.")
    ] = DEFAULT_LIMIT,
    server: Server = None,
    as_json: Json = False,
) -> None:
    """List a study's trials, the newest last: how each ended, with what, and why.

    Example: lrtune study trials my-model --failed
    """
    wanted = _state(failed, state)
    with connect(server) as client:
        study = client.study(name).spec
        found = _found(client, name, wanted, limit)
        if as_json:
            _print_json(found)
            return
        for line in table(study, found, failed=wanted == "failed"):
            print(line)
        counts = client.status(name).trials.model_dump()
        there = sum(counts.values()) if wanted is None else counts[wanted]
    if limit and there > limit:
        print(earlier_trials(there - limit, wanted), file=sys.stderr)


def _state(failed: bool, state: str | None) -> Any:
    if failed and state not in (None, "failed"):
        raise typer.BadParameter(f"--failed and --state {state} exclude each other")
    if state is not None and state not in STATES:
        raise typer.BadParameter(f"--state {state!r}: {did_you_mean(state, STATES)}there are {', '.join(STATES)}")
    return "failed" if failed else state


def _found(client: "Client", name: str, state: Any, limit: int) -> "Iterator[Trial]":
    """By number, the newest last."""
    if limit == 0:
        return client.trials(name, state=state, page=_PAGE)
    latest = client.trials(name, state=state, newest=True, page=min(limit, _PAGE))
    return reversed(list(islice(latest, limit)))


def _print_json(found: "Iterable[Trial]") -> None:
    before = "[\n"
    for trial in found:
        print(before + json.dumps(trial.model_dump(mode="json"), ensure_ascii=False), end="")
        before = ",\n"
    print("[]" if before == "[\n" else "\n]")


def table(study: "Study", found: "Iterable[Trial]", *, failed: bool = False) -> Iterator[str]:
    """Lines of a table, a header first; no more than a page of it is kept. The last column is as long as it is."""
    rate = rate_name(study)
    header = (
        "trial",
        "outcome",
        rate,
        "with",
        "step",
        study.measured,
        "seconds",
        "worker",
        "error" if failed else "why",
    )
    rows = (cells(trial, rate) for trial in found)
    first = [header, *islice(rows, _MEASURED)]
    if len(first) == 1:
        yield "no trials"
        return
    shown = [column for column in range(len(header)) if column != _WITH or len(study.search_space) > 1]
    widths = {column: max(len(row[column]) for row in first) for column in shown}
    for row in first:
        yield _line(row, widths)
    for row in rows:
        yield _line(row, widths)


def _line(row: Cells, widths: Mapping[int, int]) -> str:
    padded = (row[c].rjust(width) if c in _NUMBERS else row[c].ljust(width) for c, width in widths.items())
    return "  ".join(padded).rstrip()


def cells(trial: "Trial", rate: str) -> Cells:
    """What the table shows of a trial, by column."""
    params = dict(trial.params)
    at = params.pop(rate, None)
    step = "" if trial.step is None else str(trial.step) + (f"/{trial.max_steps}" if trial.max_steps else "")
    seconds = "" if trial.duration_seconds is None else f"{trial.duration_seconds:.1f}"
    return (
        str(trial.number),
        trial.state + (f" (attempt {trial.attempt})" if trial.attempt > 1 else ""),
        number(at) if isinstance(at, int | float) else "",
        params_text(params),
        step,
        "" if trial.value is None else number(trial.value, 4),
        seconds,
        trial.worker or "",
        why(trial),
    )


def why(trial: "Trial") -> str:
    """Why it ended as it did, or was put aside, in a line; "" where there is nothing to say."""
    if trial.error:
        return error_line(trial.error)
    return " ".join((trial.explanation or "").split())


def rate_name(study: "Study") -> str:
    """The parameter that has a column of its own."""
    from lrtune.service.wire.learning_rates import main_learning_rate

    return main_learning_rate(study.search_space) or next(iter(study.search_space))
