"""`bench search --real`: search methods compared on small real trainings."""

from pathlib import Path
from typing import TYPE_CHECKING

from lrtune.service.cli.output import print_json, print_table
from tests.benchmarks.command_line import measuring, say

if TYPE_CHECKING:
    from tests.benchmarks.search.real import RealComparison, RealRow


def search_real(comparison: "RealComparison", *, as_json: bool) -> None:
    """Compare, and print a table or JSON."""
    from tests.benchmarks.search.real import as_json as to_json
    from tests.benchmarks.search.real import compare_real

    with measuring():
        rows = compare_real(comparison, say)
    if as_json:
        print_json(to_json(rows, comparison))
        return
    title = f"{rows[0].cells} tasks × optimizers, {rows[0].seeds} seeds: loss over the best one (± standard error)"
    columns = ("method", "full trainings", "≤ 1.1×", "≤ 2×", "median", "worst", "80 % interval")
    print_table(columns, [_line(row) for row in rows], title=title)


def results_file(folder: Path, quick: bool) -> Path:
    """Where trainings on the built-in tasks are kept."""
    folder.mkdir(parents=True, exist_ok=True)
    return folder / ("real-quick.jsonl" if quick else "real.jsonl")


def _line(row: "RealRow") -> tuple[str, ...]:
    shares = [f"{100 * share:.0f} ± {100 * se:.0f} %" for share, se in zip(row.within, row.within_error, strict=True)]
    covers = "–" if row.covered is None else f"covers {100 * row.covered:.0f} %, {row.decades:.2f} decades"
    return (row.method, f"{row.cost:.2f}", *shares, f"{row.median:.2f}", f"{row.worst:.3g}", covers)
