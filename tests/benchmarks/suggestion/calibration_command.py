"""`bench calibration`: what intervals hold, by how the rates that were tried lie."""

from typing import Annotated

import typer

from tests.benchmarks.command_line import Data, Jobs, Quick, markdown, measuring
from tests.benchmarks.suggestion.calibration import Line, jobs_of, measure
from tests.benchmarks.suggestion.table import read_cases

COLUMNS = (
    "studies of",
    "design",
    "trials",
    "studies",
    "hold a near-best rate",
    "suggested is near-best",
    "decades",
    "× unshaped",
    "hold a far one",
    "regret suggested",
    "regret best seen",
)


def calibration(
    data: Data,
    seeds: Annotated[int, typer.Option(min=1, help="Studies of each made-up response.")] = 2,
    jobs: Jobs = 2,
    full: Annotated[bool, typer.Option("--full", help="A line for each number of trials too.")] = False,
    quick: Quick = False,
) -> None:
    """Does the 80 % interval hold a rate within 1.05 × of the best loss, and how wide is it?

    Studies of made-up valleys (bowl, plateau, cliff, needle, two valleys; four levels of
    noise) and of recorded trainings, with 3 to 40 trials: spread over the range, clustered
    at the best, all on one side, or as the sampler `auto` draws them. Prints the table of
    docs/explanation/suggestion.md. "Unshaped" is the process without the shape of a
    valley; a far rate was measured at 3 × the best loss, and has it without noise.
    """
    with measuring():
        cases = read_cases(data)
        studies = list(
            jobs_of(cases[:2] if quick else cases, seeds=seeds, counts=(3, 8) if quick else (3, 5, 8, 12, 20, 40))
        )
        lines = measure(studies[:10] if quick else studies, jobs)
        print(markdown(COLUMNS, [_cells(line) for line in lines if full or quick or "–" in line.trials]))


def _cells(line: Line) -> tuple[str, ...]:
    widths = (f"{line.decades:.2f}", f"{line.times:.2f}")
    shares = (f"{line.held:.0%}", f"{line.near:.0%}")
    regrets = (f"{line.regret_suggested:.4f}", f"{line.regret_seen:.4f}")
    return (
        line.source,
        line.design,
        line.trials.strip(),
        str(line.studies),
        *shares,
        *widths,
        f"{line.far_inside:.1%}",
        *regrets,
    )
