"""Text as plotly shows it. It reads tags, entities, formulas between dollar signs and, in what is told where one
points, places for values: of what people wrote none is to be read so."""

from lrtune.service.sentences.words import plain

_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "$": "&#36;", "%": "&#37;"}


def escaped(text: str) -> str:
    """Text in which plotly finds no markup; lines stay lines.

    >>> escaped("a<b>\\n$x$")
    'a&lt;b&gt;<br>&#36;x&#36;'
    """
    return "<br>".join("".join(_ENTITIES.get(letter, letter) for letter in plain(line)) for line in text.split("\n"))
