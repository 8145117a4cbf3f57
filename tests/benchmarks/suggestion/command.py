"""`bench suggestion`: what suggested rates cost, and what their intervals cover."""

from typing import Annotated

import typer

from tests.benchmarks.command_line import Data, Jobs, Quick, markdown, measuring
from tests.benchmarks.suggestion.table import Row, measure, read_cases, suggest_after, train
from tests.benchmarks.suggestion.timing import seconds_of

COLUMNS = ("trials of", "tasks", "after", "cases", "covered", "decades", "regret suggested", "regret best seen")
_QUICK_CASES = 3


def suggestion(
    data: Data,
    seeds: Annotated[int, typer.Option(min=1, help="Studies of each case and sampler.")] = 5,
    jobs: Jobs = 2,
    quick: Quick = False,
) -> None:
    """Does the 80 % interval cover the best rate, and what does the suggested rate cost?

    Prints the table of docs/explanation/suggestion.md:
    studies of random trials and of the sampler `auto`, on learning curves in which the
    rate is all there is. The last line tells how long working out one suggestion takes.
    """
    with measuring():
        cases = read_cases(data)
        rows = measure(cases[:_QUICK_CASES] if quick else cases, seeds=1 if quick else seeds, processes=jobs)
        print(markdown(COLUMNS, [_line(row) for row in rows]))
        case = cases[0]
        trials, low, high = train(case, "auto", 0), float(case.rates[0]), float(case.rates[-1])
        seconds = seconds_of(lambda: suggest_after(trials, low, high))
        print(f"\na suggestion after {len(trials)} trials takes {1000 * seconds:.0f} ms of processor time")


def _line(row: Row) -> tuple[str, ...]:
    measured = (f"{row.covered:.0%}", f"{row.decades:.2f}", f"{row.regret_suggested:.3f}", f"{row.regret_seen:.3f}")
    return (row.name, row.tasks, str(row.trials), str(row.cases), *measured)
