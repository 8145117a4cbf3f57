"""How pictures are written."""

from io import BytesIO
from pathlib import Path

from matplotlib.figure import Figure
from PIL import Image

COLORS = 256
"""Of a palette: a third of the bytes of full colour, and no difference to see in lines and text."""


def save(figure: Figure, path: Path) -> None:
    """Writes a PNG, whatever the path ends in. Raises OSError where it cannot be written."""
    drawn = BytesIO()
    figure.savefig(drawn, format="png")
    with Image.open(drawn) as picture:
        small = picture.convert("RGB").quantize(COLORS, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    small.save(path, format="png", optimize=True)
