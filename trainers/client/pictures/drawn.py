"""A picture that can be shown and kept."""

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lrtune.service.pictures.parts import Picture

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

_FONT = "system-ui, sans-serif"


@dataclass(frozen=True)
class Drawn:
    """What is seen is in `picture`; `figure` is plotly's, `save` writes a PNG by matplotlib, without a browser."""

    picture: Picture

    @property
    def said(self) -> str:
        """What is to be seen on it, in a sentence or two."""
        return self.picture.said

    @property
    def figure(self) -> "Figure":
        """As a `plotly.graph_objects.Figure`, a new one each time. Raises ImportError where plotly is missing."""
        made = needed("plotly.graph_objects").Figure(_described(self.picture))
        made.update_layout(template="plotly_white", font={"family": _FONT}, margin={"t": 60})
        return made

    def save(self, path: str | Path) -> Path:
        """Writes it as a PNG of 150 dots an inch. Raises ImportError where matplotlib is missing, OSError."""
        to = Path(path)
        to.write_bytes(self.png())
        return to

    def png(self) -> bytes:
        """The bytes of that PNG. Raises ImportError where matplotlib is missing."""
        for module in ("matplotlib", "PIL"):
            needed(module)
        from lrtune.service.pictures.drawing.png import png

        return png(self.picture)

    def _repr_html_(self) -> str:
        """For notebooks: the plotly figure."""
        shown: str = self.figure._repr_html_()
        return shown


def needed(module: str) -> Any:
    """A module of the extra `plots`. Raises ImportError that says how to install it."""
    try:
        return import_module(module)
    except ImportError as missing:
        name = module.partition(".")[0]
        raise ImportError(f"pictures need {name}: pip install 'lrtune[plots]'", name=name) from missing


def _described(picture: Picture) -> dict[str, Any]:
    from lrtune.service.pictures.drawing.plotly_figure import figure

    return figure(picture)
