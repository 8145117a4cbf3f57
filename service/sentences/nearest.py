"""`did you mean …?`: the name that was meant, as far as spelling tells."""

import difflib
from collections.abc import Collection, Mapping

LONGEST = 100
"""Characters that are looked at: comparing takes their square."""


def nearest(name: object, known: Collection[str], other_words: Mapping[str, str] | None = None) -> str | None:
    """The known name that `name` is most like; None where none is near.

    `other_words` are what others call some of them: `{"min": "low"}`.
    """
    other_words = other_words or {}
    typed = str(name)[:LONGEST].casefold()
    meant = {word.casefold(): word for word in known} | dict(other_words)
    close = difflib.get_close_matches(typed, meant, n=1)
    return meant[close[0]] if close else None


def did_you_mean(name: object, known: Collection[str], other_words: Mapping[str, str] | None = None) -> str:
    """`did you mean 'cosine'? `, to stand before what there is; nothing where no name is near."""
    close = nearest(name, known, other_words)
    return "" if close is None else f"did you mean {close!r}? "
