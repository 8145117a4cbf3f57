"""`lrtune study watch`."""

import sys
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console, RenderableType
from rich.live import Live

from lrtune.service.cli.commands.study.trials import why
from lrtune.service.cli.connection import connect
from lrtune.service.cli.options import Server, StudyName
from lrtune.service.cli.output import fail
from lrtune.service.sentences.study import ended_trial
from lrtune.service.wire.as_text import number, params_text

if TYPE_CHECKING:
    from lrtune.service.cli.commands.study.following import Following
    from lrtune.service.cli.commands.study.watching.seen import Looking
    from lrtune.service.wire.studies import Study
    from lrtune.service.wire.trials import Trial
    from lrtune.trainers.client.client import Client

DRAWN_A_SECOND = 2
"""So that ages go on, and the screen follows the size of the terminal."""
MOST_TOLD = 30
"""Trials that ended between two looks, that a screen tells of."""
CTRL_C = 130


def watch(
    name: StudyName,
    interval: Annotated[float, typer.Option(min=0.1, help="Seconds between two looks, at the least.")] = 2.0,
    once: Annotated[bool, typer.Option("--once", help="Show how it stands now, and end.")] = False,
    server: Server = None,
    as_json: Annotated[bool, typer.Option("--json", help="A line of JSON for each trial that ends.")] = False,
) -> None:
    """Follow a study until it is finished: what to train with, counts and budgets, what trains and what ended, and why.

    On a terminal all of it in place; elsewhere a line for each trial that ends. Exit code 0 when the study is finished,
    1 when it hands out no trial since its trials keep failing, or when it was deleted, 130 after Ctrl-C.
    """
    from lrtune.service.cli.commands.study.following import Following
    from lrtune.service.sentences.watching import gone
    from lrtune.trainers.errors import NotFound

    if once and as_json:
        raise typer.BadParameter("--once and --json exclude each other: `lrtune study show --json` has it as JSON")
    console = Console()
    live = not as_json and console.is_terminal and not console.is_dumb_terminal
    with connect(server) as client:
        study = client.study(name).spec
        following = Following(client, name, most=MOST_TOLD if live or once else None)
        try:
            if once:
                _once(console, client, study, following)
                return
            if live:
                _on_terminal(console, client, study, following, interval)
            else:
                _in_lines(study, following, interval, as_json)
        except KeyboardInterrupt:
            raise typer.Exit(CTRL_C) from None
        except NotFound:
            fail(gone(name))
    if not as_json:
        print(following.status.explanation or f"study {name} is {following.status.state}")
    if following.status.halted is not None:
        raise typer.Exit(1)


def _once(console: Console, client: "Client", study: "Study", following: "Following") -> None:
    from lrtune.service.cli.commands.study.watching.seen import Looking

    console.print(_drawn(console, Looking(client, study, following)))


def _in_lines(study: "Study", following: "Following", interval: float, as_json: bool) -> None:
    if not as_json and not following.over:
        print(following.status.explanation, flush=True)

    def show(ended: "Iterable[Trial]") -> None:
        for trial in ended:
            print(trial.model_dump_json() if as_json else line(study, trial), flush=True)

    _follow(following, interval, show, lambda told: print(f"lrtune: {told}", file=sys.stderr, flush=True))


def _on_terminal(console: Console, client: "Client", study: "Study", following: "Following", interval: float) -> None:
    """On a screen of its own, which stays behind on the terminal at the end."""
    from lrtune.service.cli.commands.study.watching.seen import Looking

    looking = Looking(client, study, following)
    try:
        with Live(
            get_renderable=lambda: _drawn(console, looking),
            console=console,
            screen=True,
            refresh_per_second=DRAWN_A_SECOND,
            redirect_stdout=False,
            redirect_stderr=False,
        ):
            _follow(following, interval, looking.take_in, looking.tell)
    finally:
        console.print(_drawn(console, looking))


def _drawn(console: Console, looking: "Looking") -> RenderableType:
    from lrtune.service.cli.commands.study.watching.marks import ASCII, BLOCKS
    from lrtune.service.cli.commands.study.watching.screen import screen

    width, height = console.size
    letters = ASCII if console.options.ascii_only else BLOCKS
    return screen(looking.seen, width, height, letters, looking.age)


def _follow(
    following: "Following",
    interval: float,
    show: "Callable[[Iterable[Trial]], None]",
    tell: Callable[[str], object],
) -> None:
    """Until nothing more happens by itself."""
    from lrtune.service.cli.commands.study.following import Patience
    from lrtune.trainers.errors import ServiceError, ServiceUnreachable

    pause, patience = threading.Event().wait, Patience(tell)
    ended: list[Trial] = []
    while not following.over:
        try:
            ended += following.wait(pause, interval)
            show(ended)
        except (ServiceError, ServiceUnreachable) as error:
            patience.away(error)
            continue
        patience.heard()
        ended = []


def line(study: "Study", trial: "Trial") -> str:
    """`trial 17: complete, loss 0.031, learning_rate=0.0031, step 30 of 30, 12.3 s, on host:4242`."""
    return ended_trial(
        trial.number,
        trial.state,
        "" if trial.value is None else f"{study.measured} {number(trial.value, 4)}",
        params_text(trial.params),
        trial.step,
        trial.max_steps,
        trial.duration_seconds,
        why(trial),
    )
