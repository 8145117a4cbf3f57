"""`lrtune suggest`."""

from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.output import (
    CLIENT_RETRY_SECONDS,
    Json,
    Server,
    number,
    params_text,
    print_json,
    suggestion_line,
)

if TYPE_CHECKING:
    from service.wire.studies import Suggestion


def suggest(
    study: Annotated[str, typer.Argument(help="Name of the study.")],
    server: Server = None,
    as_json: Json = False,
) -> None:
    """What to train with, on all that a study knows so far. Costs no trial.

    The last line is the suggested learning rate with its interval; with --json, everything the service says.
    """
    from trainers.client import Client

    with Client(server, retry_seconds=CLIENT_RETRY_SECONDS) as client:
        suggestion = client.suggestion(study)
    if as_json:
        print_json(suggestion)
        return
    for line in reasons(suggestion):
        print(line)
    print(suggestion_line(suggestion.learning_rate, suggestion.interval, suggestion.trials))


def reasons(suggestion: "Suggestion") -> list[str]:
    """The suggestion's background, one fact a line."""
    lines = [suggestion.explanation] if suggestion.explanation else []
    if suggestion.params:
        lines.append(f"train with {params_text(suggestion.params)}")
    if suggestion.expected_value is not None:
        lines.append(f"expected value {number(suggestion.expected_value)} (basis: {suggestion.basis})")
    if suggestion.max_stable_learning_rate is not None:
        lines.append(f"trainings diverge above about {number(suggestion.max_stable_learning_rate)}")
    return lines
