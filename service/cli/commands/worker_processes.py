"""`lrtune worker --concurrency`: one process a worker, and what they ended by."""

import sys
from typing import TYPE_CHECKING

from lrtune.service.cli.error_line import print_error

if TYPE_CHECKING:
    from lrtune.trainers.worker.signals import Signals

FIRST_CONTACT_SECONDS = 5.0
"""For a service that is just starting; once it has been seen, `--retry-seconds` holds."""


def say_why(server: str, study: str) -> None:
    """One line of why worker processes ended in an error, after all that they have written themselves."""
    from lrtune.service.sentences.failures import error_line
    from lrtune.service.sentences.worker import ended_in_error
    from lrtune.trainers.client.client import Client
    from lrtune.trainers.errors import LrtuneError

    try:
        with Client(server, retry_seconds=FIRST_CONTACT_SECONDS) as client:
            halted = client.status(study).halted
            latest = next(client.trials(study, state="failed", newest=True, page=1), None)
    except LrtuneError as error:
        print_error(str(error))
        return
    print_error(ended_in_error(study, error_line(latest.error or "") if latest else "", halted))


def supervise(signals: "Signals", command: list[str], count: int, grace_seconds: float, *, shown: bool) -> int:
    """The command, `count` times with one process each; on a terminal this one shows what they do."""
    from lrtune.trainers.progress.screen import shared_screen
    from lrtune.trainers.worker.relay import Relay
    from lrtune.trainers.worker.supervisor import Supervisor

    screen = shared_screen() if shown else None
    relay = None if screen is None else Relay(screen, sys.stdout, sys.stderr)
    with Supervisor(
        command, count, grace_seconds=grace_seconds, start=None if relay is None else relay.start
    ) as supervisor:
        signals.at_once.append(supervisor.kill)
        code = supervisor.wait(signals.stopping)
    if relay is not None:
        relay.finish()
    return code
