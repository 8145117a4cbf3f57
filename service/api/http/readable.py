"""Pydantic's errors in the words of the API: places as the client wrote them, messages without pydantic's terms."""

from collections.abc import Sequence
from typing import Any

from lrtune.service.wire.base import CHOICE_TAG, FIXED_FIELD
from lrtune.service.wire.bounded import MORE_ERRORS, MOST_ERRORS
from lrtune.service.wire.fields import HINT
from lrtune.service.wire.messages import place, said

LONGEST_MESSAGE = 1_000
_LONGEST_PLACE = 200

_OBJECTS = ("model_attributes_type", "model_type", "dict_type")


def readable_errors(raw: Sequence[Any]) -> tuple[list[dict[str, Any]], int]:
    """The first 20 errors as `{loc, msg}`, each once, and how many more there are."""
    readable: dict[tuple[str, str], dict[str, Any]] = {}
    more = 0
    for error in raw:
        if error["type"] == MORE_ERRORS:
            more += int(error["ctx"]["count"])
        elif len(readable) == MOST_ERRORS:
            more += 1
        else:
            loc = [part for part in error["loc"] if not str(part).startswith(CHOICE_TAG)]
            found = _readable(loc[1:] if loc[:1] == ["body"] else loc, error)
            found["loc"] = [shortened(part, _LONGEST_PLACE) if isinstance(part, str) else part for part in found["loc"]]
            found["msg"] = shortened(found["msg"])
            readable.setdefault((repr(found["loc"]), found["msg"]), found)
    return list(readable.values()), more


def shortened(text: str, longest: int = LONGEST_MESSAGE) -> str:
    """A text, or its beginning: no answer is as long as what it quotes."""
    return text if len(text) <= longest else f"{text[:longest]}…"


def _readable(loc: list[Any], error: Any) -> dict[str, Any]:
    kind, context = error["type"], error.get("ctx", {})
    message, hint = said(error), error.get(HINT, "")
    loc = place(loc)
    if loc[:1] == ["search_space"] and len(loc) == 1 and ": " in message:
        name, _, message = message.partition(": ")
        loc = [*loc, name]
    elif not loc and message.startswith("search_space: "):
        loc, message = ["search_space"], message.removeprefix("search_space: ")
    elif loc[:1] == ["search_space"] and len(loc) > 2 and loc[2] in ("float", "int", "categorical"):
        del loc[2]
    elif loc[:1] in (["sampler"], ["pruner"]) and len(loc) > 2:
        del loc[1]
    if kind == FIXED_FIELD:
        loc = [*loc, context["field"]]
    elif kind == "union_tag_invalid":
        known = str(context.get("expected_tags", "")).replace("'", "")
        by = str(context.get("discriminator", "name")).strip("'")
        what = loc[-1] if by == "name" and loc and isinstance(loc[-1], str) else by
        message = f"there is no {what} {context.get('tag')!r}; {hint}use one of {known}"
        loc = [*loc, by]
    elif kind == "union_tag_not_found":
        message = "is missing: say which"
        loc = [*loc, str(context.get("discriminator", "name")).strip("'")]
    elif kind in _OBJECTS and not loc:
        message = "the body must be a JSON object, sent with Content-Type: application/json"
    elif kind == "extra_forbidden" and hint:
        message = f"there is no such field; {hint.strip()}"
    elif kind == "extra_forbidden":
        message = "there is no such field; check its spelling"
    elif kind == "literal_error" and hint:
        message = f"{message}; {hint.strip()}"
    return {"loc": loc, "msg": message}
