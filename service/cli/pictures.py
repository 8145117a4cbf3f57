"""How the command writes pictures."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lrtune.service.pictures.parts import Picture


def save(picture: "Picture", path: Path) -> None:
    """Writes a PNG, whatever the path ends in. Raises OSError where it cannot be written."""
    from lrtune.service.pictures.drawing.png import png

    path.write_bytes(png(picture))
