"""What was done to a study or a token as the text that is kept: never longer than a few thousand characters."""

import json
from collections.abc import Mapping
from typing import Any

from lrtune.service.wire.base import storable_part

MOST_CHARACTERS = 4_000
"""Longer ones are kept with their long members shortened."""
_MOST_OF_A_MEMBER = 400
_SHOWN_OF_A_MEMBER = 300
_MOST_MEMBERS = 50


def audited_text(what: Mapping[str, Any] | None) -> str | None:
    """`what`, which must be JSON, as a text that any database keeps; of a large one the beginning of each member."""
    if what is None:
        return None
    text = _json(what)
    if len(text) > MOST_CHARACTERS:
        some = list(what.items())[:_MOST_MEMBERS]
        shown = {name[:_SHOWN_OF_A_MEMBER]: _shortened(value) for name, value in some}
        left_out = len(what) - len(shown)
        text = _json(shown | ({"…": f"{left_out:,} more"} if left_out else {}))
    return text


def _shortened(value: Any) -> Any:
    text = value if isinstance(value, str) else _json(value)
    if len(text) <= _MOST_OF_A_MEMBER:
        return value
    return f"{text[:_SHOWN_OF_A_MEMBER]}… ({len(text):,} characters)"


def _json(value: Any) -> str:
    text: str = storable_part(json.dumps(value, ensure_ascii=False, default=str))
    return text
