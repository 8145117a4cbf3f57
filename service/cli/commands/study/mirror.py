"""`lrtune study mirror`."""

import sys
from typing import Annotated

import typer

from lrtune.service.cli.connection import connect
from lrtune.service.cli.options import Server, StudyName
from lrtune.service.cli.progress import alive, end_fallback

CTRL_C = 130


def mirror(
    name: StudyName,
    to: Annotated[
        str,
        typer.Option(metavar="TRACKER[:PLACE]", help="mlflow:URI, tensorboard:FOLDER or wandb:PROJECT."),
    ],
    once: Annotated[bool, typer.Option("--once", help="Write what there is now, and end.")] = False,
    server: Server = None,
) -> None:
    """Mirror a study to a tracker: a run for each trial there is, and for what happens until the study is finished.

    For workers in any language, and for what was trained before. It may be stopped, and started again: what is there is
    not written twice. Trials that a worker with --track writes are left to it.

    Exit code 0 when the study is finished, or halted since its trials keep failing; 1 when the tracker fails for five
    minutes, or the study was deleted; 130 after Ctrl-C.

    Example: lrtune study mirror my-model --to mlflow:http://localhost:5000
    """
    from lrtune.service.sentences.tracking import where
    from lrtune.trainers.client.mirror import Mirror
    from lrtune.trainers.integrations.trackers.named import tracker_named

    tracker = tracker_named(to)
    with connect(server) as client, Mirror(client, name, tracker, say=_say) as mirrored:
        try:
            if once:
                with alive(f"mirroring {name}") as shown:
                    mirrored.all(lambda done: shown.count(done, None, "trials"))
            else:
                end_fallback()
                mirrored.follow()
        except KeyboardInterrupt:
            raise typer.Exit(CTRL_C) from None
    print(f"study {name}: {mirrored.written} ended trials are in {where(tracker.name, tracker.place)}")


def _say(line: str) -> None:
    print(f"lrtune: {line}", file=sys.stderr, flush=True)
