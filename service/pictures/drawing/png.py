"""A picture as a PNG, drawn without a browser. Import it only where one is drawn."""

import logging
import warnings
from io import BytesIO

from PIL import Image

from lrtune.service.pictures.drawing.matplotlib_figure import figure
from lrtune.service.pictures.parts import Picture

COLORS = 256
"""Of a palette: a third of the bytes of full colour, and no difference to see in lines and text."""


def png(picture: Picture) -> bytes:
    """The picture, 150 dots an inch."""
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)  # Any font will do: that is nobody's concern.
    drawn, small = BytesIO(), BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph .* missing from", UserWarning)  # So is a letter that none has.
        figure(picture).savefig(drawn, format="png")
    with Image.open(drawn) as full:
        fewer = full.convert("RGB").quantize(COLORS, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    fewer.save(small, format="png", optimize=True)
    return small.getvalue()
