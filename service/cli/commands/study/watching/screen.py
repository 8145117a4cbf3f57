"""The screen of a watched study, for a terminal of any size from 60 columns and 15 lines on."""

from collections.abc import Callable, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from lrtune.service.cli.commands.study.trials import rate_name, why
from lrtune.service.cli.commands.study.watching.answer import answer
from lrtune.service.cli.commands.study.watching.marks import (
    CALM,
    QUIET,
    Letters,
    cut,
    cut_at_word,
    progress_bar,
    sparkline,
)
from lrtune.service.cli.commands.study.watching.seen import InTraining, Seen
from lrtune.service.sentences import watching as words
from lrtune.service.sentences.words import loss, plain
from lrtune.service.wire.as_text import number, params_text

COLOURS = {
    "complete": "green",
    "pruned": "yellow",
    "diverged": "red",
    "failed": "magenta",
    "running": "cyan",
    "waiting": "dim",
}
FEWEST_LINES = 15
_BAR, _LABEL = 24, 7
_LEAST_ENDED, _LEAST_RUNNING = 3, 2

Age = Callable[[InTraining], float | None]


def screen(seen: Seen, width: int, height: int, letters: Letters, age: Age) -> RenderableType:
    """All of it in `height` lines: the answer and the counts always, trials as many as there is room for."""
    roomy = height >= 32
    head = [_title(seen, width, letters), *_explained(seen, width, letters)]
    if roomy:
        head.append(Text())
    facts = [*answer(seen, width, letters, lines=4 if roomy else 2), *_counts(seen, width, letters)]
    lines: list[RenderableType] = [*head, *facts]
    room = max(height, FEWEST_LINES) - len(lines)
    room -= 1 + bool(seen.running) + 2 * roomy  # The cursor's line, the table's head, lines between.
    running, ended = _shared(room, len(seen.running), len(seen.ended))
    if seen.running and running:
        lines += [Text()] if roomy else []
        lines.append(_running(seen, running, width, letters, age))
    if seen.ended and ended:
        lines += [Text()] if roomy else []
        lines += _ended(seen, ended, width, letters)
    return Group(*lines)


def _shared(room: int, running: int, ended: int) -> tuple[int, int]:
    """How many running trials and ended ones have room: a part each, and what one leaves is the other's."""
    for_ended = min(ended, max(_LEAST_ENDED, room // 2, room - running))
    return max(min(running, room - for_ended), min(running, _LEAST_RUNNING)), for_ended


def line(label: str, *parts: str | Text, width: int, letters: Letters) -> Text:
    """A fact behind its label, cut at the edge of the terminal."""
    text = Text().append(f"{label:<{_LABEL}} ", QUIET)
    for part in parts:
        text.append_text(part if isinstance(part, Text) else Text(plain(part)))
    return cut(text, width, letters)


def _title(seen: Seen, width: int, letters: Letters) -> Text:
    title = Text().append(plain(seen.study.name), "bold")
    said = words.standing(seen.status.state, seen.status.workers, seen.status.updated_at)
    cut(title, max(8, width - len(said) - 2), letters)
    return title + Text(" " * max(2, width - title.cell_len - len(said))) + Text(said, QUIET)


def _explained(seen: Seen, width: int, letters: Letters) -> list[Text]:
    """That the service is away, or what the study waits for."""
    told, style = (seen.notice, "bold red") if seen.notice else (seen.status.explanation, "")
    return [Text(one, style, no_wrap=True) for one in words.lines(plain(told), width, 2, letters.dots)]


def _counts(seen: Seen, width: int, letters: Letters) -> list[Text]:
    status, study = seen.status, seen.study
    counts = status.trials.model_dump()
    outcomes = Text("  ").join(
        Text(f"{letters.outcomes[name]} {counts[name]} {name}", colour)
        for name, colour in COLOURS.items()
        if counts[name] or name == "complete"
    )
    rows = [line("trials", outcomes, width=width, letters=letters), *_budgets(seen, width, letters)]
    if status.best is not None:
        curve = sparkline(seen.best, _BAR, letters) if len(seen.best) > 1 else ""
        best = Text(f"{plain(study.measured)} {number(status.best.value, 4)} ", "bold")
        with_ = f"trial {status.best.trial}  {params_text(status.best.params)}"
        rows.append(line("best", Text(f"{curve} " if curve else "", CALM), best, with_, width=width, letters=letters))
    if seen.failed:
        rows.append(line("failed", Text(plain(seen.failed), COLOURS["failed"]), width=width, letters=letters))
    return rows


def _budgets(seen: Seen, width: int, letters: Letters) -> list[Text]:
    """Trials and steps, each as a bar where there is a limit."""
    status, study = seen.status, seen.study
    counts, steps = status.trials, status.steps
    ended = counts.complete + counts.pruned + counts.diverged + (counts.failed if study.failed_counts else 0)
    rows = []
    if study.max_trials is not None:
        bar = progress_bar(ended, study.max_trials, _BAR, letters)
        rows.append(line("budget", bar, f" {ended} of {study.max_trials} trials spent", width=width, letters=letters))
    told = words.steps(steps.trained, study.max_total_steps, steps.saved_by_pruning, steps.spent_on_divergence)
    bars = [] if study.max_total_steps is None else [progress_bar(steps.trained, study.max_total_steps, _BAR, letters)]
    rows.append(line("steps", *bars, f" {told}" if bars else told, width=width, letters=letters))
    return rows


def _running(seen: Seen, most: int, width: int, letters: Letters, age: Age) -> RenderableType:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style=QUIET, expand=False, pad_edge=False, width=None)
    rate = rate_name(seen.study)
    spark = 16 if width >= 90 else 8
    table.add_column("trial", justify="right", no_wrap=True)
    table.add_column(rate[:14], justify="right", no_wrap=True)
    table.add_column("curve", no_wrap=True, width=spark)
    table.add_column("step", justify="right", no_wrap=True)
    table.add_column(seen.study.measured[:10], justify="right", no_wrap=True)
    table.add_column("report", justify="right", no_wrap=True)
    table.add_column("worker", no_wrap=True, overflow="crop", max_width=max(10, width - spark - 56))
    for one in seen.running[-most:]:
        table.add_row(*_cells(one, rate, spark, letters, age(one)))
    return table


def _cells(one: InTraining, rate: str, spark: int, letters: Letters, age: float | None) -> Sequence[Text]:
    trial = one.trial
    at, last = trial.params.get(rate), one.curve[-1] if one.curve else None
    step = str(trial.step or 0) + (f"/{trial.max_steps}" if trial.max_steps else "")
    return (
        Text(str(trial.number), "bold"),
        Text(plain(number(at) if isinstance(at, float) else str(at))[:14]),
        Text(sparkline(one.curve, spark, letters), CALM),
        Text(step),
        Text(letters.dash if last is None else loss(last)),
        Text(letters.dash if age is None else words.ago(age)),
        Text(plain(trial.worker or letters.dash)),
    )


def _ended(seen: Seen, most: int, width: int, letters: Letters) -> list[Text]:
    """The latest at the foot, each in a line with its reason."""
    rate = rate_name(seen.study)
    rows = []
    for trial in seen.ended[-most:]:
        at = trial.params.get(rate)
        value = "" if trial.value is None else f" {loss(trial.value)}"
        said = Text().append(f"{letters.outcomes[trial.state]} ", COLOURS[trial.state])
        said.append(f"trial {trial.number} {trial.state}{value}", COLOURS[trial.state])
        said.append(plain(f" at {number(at) if isinstance(at, float) else at}") if at is not None else "")
        said.append(plain(f": {why(trial)}") if why(trial) else "", QUIET)
        rows.append(cut_at_word(said, width, letters))
    return rows
