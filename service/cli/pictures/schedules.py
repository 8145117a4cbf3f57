"""The picture of schedules over each other. Pure: rates in, a figure out."""

from collections.abc import Mapping

from matplotlib.figure import Figure

from lrtune.service.rates.schedules import SchedulePreview

COLORS = ("#1f77b4", "#c62828", "#2e7d32", "#e8a33d", "#7b1fa2", "#00838f", "#6d4c41", "#555555")
DASHES = ("-", "--", "-.", ":")


def draw(curves: Mapping[str, SchedulePreview]) -> Figure:
    """Learning rate over step, one line a schedule. Each rate holds for its step, so lines are stairs where the
    steps are few enough to see them; later lines are thinner, so that equal ones all show."""
    figure = Figure(figsize=(8.0, 4.5), dpi=150, layout="constrained")
    axes = figure.add_subplot()
    for index, (label, curve) in enumerate(curves.items()):
        few = len(curve.steps) <= 200
        axes.plot(
            [*curve.steps, curve.steps[-1] + 1],
            [*curve.learning_rates, curve.learning_rates[-1]],
            drawstyle="steps-post" if few else "default",
            color=COLORS[index % len(COLORS)],
            linestyle=DASHES[index // len(COLORS) % len(DASHES)],
            linewidth=2.4 - 1.2 * index / len(curves),
            label=label,
        )
    axes.set_ylim(bottom=0)
    axes.margins(x=0.01)
    axes.set_xlabel("optimizer step")
    axes.set_ylabel("learning rate")
    axes.grid(True, alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(fontsize=8, frameon=False, loc="outside right upper")
    return figure
