"""What the demo shows while it runs: a live view on a terminal, else a line per change."""

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from lrtune.service.cli.output import make_table
from lrtune.service.wire.as_text import number, params_text
from lrtune.service.wire.studies import StudyStatus
from lrtune.service.wire.trials import Trial

COLOURS = {"complete": "green", "pruned": "yellow", "diverged": "red", "failed": "magenta", "running": "cyan"}


class View:
    """Shows a study's progress towards `max_trials`. Use it as a context manager."""

    def __init__(self, console: Console, title: str, max_trials: int) -> None:
        self._console = console
        self._title = title
        self._max_trials = max_trials
        self._live: Live | None = None
        self._finished = -1

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live = Live(console=self._console, auto_refresh=False)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, status: StudyStatus, running: Sequence[Trial]) -> None:
        """Draws the state anew, or prints a line if something has changed."""
        if self._live is not None:
            self._live.update(panel(self._title, self._max_trials, status, running), refresh=True)
            return
        if finished(status) != self._finished:
            self._finished = finished(status)
            line = progress_line(self._max_trials, status)
            self._console.print(line, markup=False, highlight=False, soft_wrap=True)


def finished(status: StudyStatus) -> int:
    """How many trials have an outcome."""
    counts = status.trials
    return counts.complete + counts.pruned + counts.diverged + counts.failed


def progress_line(max_trials: int, status: StudyStatus) -> str:
    """`12/24 trials: 8 complete, 4 pruned; best loss 0.163; suggested learning_rate 0.012; 2 workers`."""
    counts = status.trials.model_dump()
    outcomes = ", ".join(f"{counts[name]} {name}" for name in COLOURS if counts[name]) or "none yet"
    best = f"; best loss {number(status.best.value, 4)}" if status.best else ""
    suggested = f"; suggested learning_rate {number(status.suggestion.learning_rate)}"
    workers = f"; {status.workers} worker{'' if status.workers == 1 else 's'}"
    return f"{finished(status)}/{max_trials} trials: {outcomes}{best}{suggested}{workers}"


def panel(title: str, max_trials: int, status: StudyStatus, running: Sequence[Trial]) -> RenderableType:
    """The live view as one renderable."""
    return Group(Text(title, style="bold"), _bar(max_trials, status), _facts(status), _running(status, running))


def _bar(max_trials: int, status: StudyStatus) -> RenderableType:
    row = Table.grid(padding=(0, 1))
    row.add_row(
        ProgressBar(total=max_trials, completed=finished(status), width=40),
        f"{finished(status)} of {max_trials} trials",
    )
    return row


def _facts(status: StudyStatus) -> RenderableType:
    counts = status.trials.model_dump()
    outcomes = Text("  ").join(Text(f"{counts[name]} {name}", style=colour) for name, colour in COLOURS.items())
    best, suggestion = status.best, status.suggestion
    interval = suggestion.interval
    bounds = f"  [{number(interval[0])}, {number(interval[1])}]" if interval else ""
    facts = Table.grid(padding=(0, 2))
    facts.add_row("trials", outcomes)
    facts.add_row("best loss", Text(f"{number(best.value, 4)}  {params_text(best.params)}" if best else "–"))
    facts.add_row("suggestion", Text(f"learning_rate={number(suggestion.learning_rate)}{bounds}", style="bold"))
    facts.add_row("steps", f"{status.steps.trained} trained, {status.steps.saved_by_pruning} saved by pruning")
    return facts


def _running(status: StudyStatus, running: Sequence[Trial]) -> RenderableType:
    if not running:
        return Text("" if finished(status) else "the workers are starting", style="dim")
    return make_table(
        ("worker", "trial", "step", "parameters"),
        (
            (
                trial.worker or "–",
                trial.number,
                f"{trial.step or 0}/{trial.max_steps}",
                params_text(trial.params),
            )
            for trial in running
        ),
    )
