"""How pictures are written."""

from io import BytesIO
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from PIL import Image

COLORS = 256
"""Of a palette: a third of the bytes of full colour, and no difference to see in lines and text."""

ANSWER, EDGE = "#2e7d32", "#c62828"
"""Of the rate that is suggested, and of the rate above which training diverges."""


def mark_rates(
    axes: Any,
    *,
    interval: tuple[float, float] | None,
    answer: float | None,
    edge: float | None,
    labels: tuple[str, str, str],
) -> None:
    """Shade an interval of rates and draw lines at the answer and at the edge, each where it is known; `labels` are
    theirs, the numbers follow."""
    if interval is not None:
        low, high = interval
        axes.axvspan(low, high, color=ANSWER, alpha=0.12, lw=0, label=f"{labels[0]} {low:.2g} to {high:.2g}")
    if answer is not None:
        axes.axvline(answer, color=ANSWER, lw=1.8, label=f"{labels[1]} {answer:.2g}")
    if edge is not None:
        axes.axvline(edge, color=EDGE, lw=1.1, ls="--", label=f"{labels[2]} {edge:.2g}")


def save(figure: Figure, path: Path) -> None:
    """Writes a PNG, whatever the path ends in. Raises OSError where it cannot be written."""
    drawn = BytesIO()
    figure.savefig(drawn, format="png")
    with Image.open(drawn) as picture:
        small = picture.convert("RGB").quantize(COLORS, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    small.save(path, format="png", optimize=True)
