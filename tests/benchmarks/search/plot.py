"""The comparison as a picture."""

from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.processes import BenchError
from tests.benchmarks.search.results import MARKS
from tests.benchmarks.search.tables import Row

_LEAST = 1e-4


def draw(rows: Sequence[Row], path: Path) -> None:
    """One panel a suite: regret over trainings, a line a method, ours in bold. Raises BenchError without matplotlib."""
    try:
        from matplotlib import colormaps
        from matplotlib.figure import Figure
        from matplotlib.ticker import LogFormatter
    except ImportError as error:
        raise BenchError("a plot needs matplotlib: pip install 'lrtune[trainers]'") from error
    suites = list(dict.fromkeys(row.suite for row in rows))
    figure = Figure(figsize=(4.2 * len(suites), 4.4), layout="constrained")
    for place, suite in enumerate(suites, 1):
        axes = figure.add_subplot(1, len(suites), place)
        axes.set_prop_cycle(color=colormaps["tab20"](range(20)))
        for row in (row for row in rows if row.suite == suite):
            ours = row.method.startswith("auto")
            shown = [max(value, _LEAST) for value in row.seen]
            axes.plot(MARKS[: len(shown)], shown, "o-", label=row.method, linewidth=2.6 if ours else 1.1, markersize=4)
        axes.set(title=suite, xscale="log", yscale="log", xlabel="full trainings paid for")
        axes.set_xticks(MARKS[: len(rows[0].seen)], [str(mark) for mark in MARKS[: len(rows[0].seen)]])
        axes.tick_params(axis="x", which="minor", bottom=False, labelbottom=False)
        axes.yaxis.set_minor_formatter(LogFormatter(minor_thresholds=(2, 0.5)))
        axes.tick_params(axis="y", which="both", labelsize=8)
        axes.grid(alpha=0.3)
        if place == 1:
            axes.set_ylabel("mean regret of the best loss seen")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=6, frameon=False)
    figure.savefig(path, dpi=110)
