"""The values in `--param NAME=choice:…` and after `@OTHER=`: bare words, quoted ones, or a JSON list."""

import json
import math
import re
from typing import Any

_CONDITION = re.compile(r"@[^@=,:'\"\[\]]+=")
_WORDS = {"True": True, "False": False, "None": None}
"""Python's words for what JSON calls true, false and null."""


def read_values(text: str, *, condition: bool = True) -> tuple[list[Any], str]:
    """The values that `text` begins with, and the condition after them, without its @; "" where there is none.

    Quotes, double as in JSON or single, keep commas, @ and what looks like a number. Raises ValueError in one line.

    >>> read_values('sgd,"a,b",0.5,True,org/net@v1@optimizer=sgd')
    (['sgd', 'a,b', 0.5, True, 'org/net@v1'], 'optimizer=sgd')
    """
    if text.lstrip().startswith("["):
        return _json_list(text.lstrip())
    values: list[Any] = []
    place = 0
    while text:
        value, place = _quoted(text, place) if text[place : place + 1] in ("'", '"') else _bare(text, place, condition)
        values.append(value)
        if text[place : place + 1] != ",":
            break
        place += 1
    rest = text[place:]
    if rest and not _CONDITION.match(rest):
        raise ValueError(f"after the quoted {values[-1]!r} a comma must follow, not {rest[:20]!r}")
    return values, rest[1:]


def _json_list(text: str) -> tuple[list[Any], str]:
    try:
        values, end = json.JSONDecoder().raw_decode(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"{text!r} is not a JSON list ({error}): quote a choice that begins with [") from None
    rest = text[end:].strip()
    if any(isinstance(one, (list, dict)) for one in values) or rest.startswith(","):
        raise ValueError("a choice must be a number, a text, true, false or null, not a list: name each by a text")
    if rest and not _CONDITION.match(rest):
        raise ValueError(f"after the JSON list only a condition may follow, not {rest[:20]!r}")
    return values, rest[1:]


def _quoted(text: str, place: int) -> tuple[str, int]:
    if text[place] == "'":
        end = text.find("'", place + 1)
        if end < 0:
            raise ValueError(f"the quote before {text[place + 1 : place + 21]!r} is not closed")
        return text[place + 1 : end], end + 1
    try:
        value, end = json.JSONDecoder().raw_decode(text, place)
    except json.JSONDecodeError:
        raise ValueError(f"the quote before {text[place + 1 : place + 21]!r} is not closed, as in JSON") from None
    return str(value), end


def _bare(text: str, place: int, condition: bool) -> tuple[Any, int]:
    comma = text.find(",", place)
    end = len(text) if comma < 0 else comma
    found = _CONDITION.search(text, place) if condition else None
    if found is not None and found.start() < end:
        end = found.start()
    word = text[place:end].strip()
    if not word:
        raise ValueError('there is a choice without a text: write "" for the empty one')
    return _value(word), end


def _value(word: str) -> Any:
    if word in _WORDS:
        return _WORDS[word]
    if word.startswith("{"):
        raise ValueError("a choice must be a number, a text, true, false or null, not an object: name each by a text")
    try:
        value = json.loads(word)
    except json.JSONDecodeError:
        return word
    return word if isinstance(value, float) and not math.isfinite(value) else value
