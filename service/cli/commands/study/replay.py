"""`lrtune study replay`."""

from typing import Annotated

import typer

from lrtune.service.cli.connection import connect
from lrtune.service.cli.options import Json, Server, StudyName
from lrtune.service.cli.output import print_json, print_table


def replay(
    name: StudyName,
    trial: Annotated[int | None, typer.Option(min=0, help="This trial only.", show_default="all that are over")] = None,
    server: Server = None,
    as_json: Json = False,
) -> None:
    """Show where the pruner auto would have stopped each trial, and why.

    Each is judged against all other trials there are now, whatever the study's own pruner.
    """
    with connect(server) as client:
        replays = list(client.replays(name)) if trial is None else [client.replay(name, trial)]
    if as_json:
        print_json(replays)
        return
    print_table(
        ("trial", "ended", "steps", "stopped at", "why"),
        (
            (
                found.trial,
                found.state,
                "–" if found.step is None else found.step,
                "–" if found.stopped_at is None else found.stopped_at,
                found.explanation,
            )
            for found in replays
        ),
    )
    stopped = [found for found in replays if found.stopped_at is not None]
    saved, steps = sum(found.saved_steps for found in stopped), sum(found.step or 0 for found in replays)
    print(f"{len(stopped)} of {len(replays)} trials would have been stopped, {saved} of {steps} steps saved")
